import { TaskEvent } from "./types.js"
import { TaskProgress } from "./task-progress.js"

export { TaskProgress }
export type { TaskEvent }

/** Why a task may not be watched. */
export interface Refusal {
  /**
   * "forbidden", "ended" (the right was lost), "not_found" (no such address), "bad_request", or
   * "refused" for any other close code.
   */
  code: string
  /** The server's reason, if it gave one: "expired_token", "foreign_origin", … */
  reason?: string
  /** For developers; the close code, if the server closed the websocket without an error frame. */
  detail: string
  task_id: string
}

/** The events of the element. They bubble, also out of shadow roots. */
export interface TaskProgressEvents {
  /** Each newer state of a task that has not ended. */
  progress: CustomEvent<TaskEvent>
  /**
   * The task succeeded while the page was open. Fired once per task and page, and not for an outcome
   * that is older than the page: so a handler may redirect, and Back works.
   */
  success: CustomEvent<TaskEvent>
  /** The same for a task that failed or was cancelled. */
  failure: CustomEvent<TaskEvent>
  /** The outcome is known, whenever the task ended. Fired after `success` and `failure`. */
  outcome: CustomEvent<TaskEvent>
  /**
   * The task may not be watched. The element subscribes again when its `token` is set to another
   * one, and when the page is shown again.
   */
  refused: CustomEvent<Refusal>
}

/**
 * The attributes may change at any time, in any order. The element reads them when the script that
 * sets them is done.
 */
export interface TaskProgressAttributes {
  "task-id"?: string
  /** From `addresses()` or `make_token()`. */
  token?: string
  /** The address of the JSON state, used while no websocket connects. */
  status?: string
  /** The websocket address, by default /ws/progress/. */
  socket?: string
  /** The address that cancels the task. Adds a button; the token must permit cancelling. */
  "cancel-url"?: string
  /** The name of the bar for screen readers, by default the task's description. */
  label?: string
  /**
   * The JSON of the newest event that the server knew when it wrote the page. It is drawn at once,
   * without "Connecting…", and fires no event but `outcome`. A newer event replaces it, also a newer
   * one in this attribute.
   */
  event?: string
  /**
   * What screen readers announce: at most four changes of a task's state, the last one at its end;
   * or "off", "end" (the end alone), "all" (each change of the state). The first state is not
   * announced.
   */
  announce?: "off" | "end" | "all"
  /** Another form: "compact" is one line, "inline" stands in a text, "ring" is a circle. */
  variant?: "bar" | "compact" | "inline" | "ring"
}

/** Each attribute is also a property: null without the attribute. */
export interface TaskProgressProperties {
  taskId: string | null
  token: string | null
  status: string | null
  socket: string | null
  cancelUrl: string | null
  label: string | null
  announce: string | null
  variant: string | null
}

declare module "./task-progress.js" {
  interface TaskProgress extends TaskProgressProperties {
    addEventListener<K extends keyof TaskProgressEvents>(
      type: K,
      listener: (this: TaskProgress, event: TaskProgressEvents[K]) => unknown,
      options?: boolean | AddEventListenerOptions,
    ): void
    addEventListener<K extends keyof HTMLElementEventMap>(
      type: K,
      listener: (this: TaskProgress, event: HTMLElementEventMap[K]) => unknown,
      options?: boolean | AddEventListenerOptions,
    ): void
    addEventListener(
      type: string,
      listener: EventListenerOrEventListenerObject,
      options?: boolean | AddEventListenerOptions,
    ): void
  }
}

type JSXAttributes = TaskProgressAttributes & {
  id?: string
  class?: string
  className?: string
  style?: any
  hidden?: boolean
  slot?: string
  key?: any
  ref?: any
  children?: any
}

declare global {
  interface HTMLElementTagNameMap {
    "task-progress": TaskProgress
  }
  namespace JSX {
    interface IntrinsicElements {
      "task-progress": JSXAttributes
    }
  }
}

// React 19 has its own namespace.
// @ts-ignore where react is not installed
declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "task-progress": JSXAttributes
    }
  }
}
