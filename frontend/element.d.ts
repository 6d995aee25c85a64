import "./frameworks.js"
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
  /**
   * Shows the progress of one Celery task.
   * @slot actions - beside the percent, with the button that cancels
   * @slot result - below the bar, once the task has succeeded
   * @csspart body - everything
   * @csspart head - the line above the bar
   * @csspart label - the task's description
   * @csspart actions - the slot of this name
   * @csspart percent - the percent
   * @csspart bar - the track of the bar
   * @csspart fill - the part of the bar that is done
   * @csspart foot - the line below the bar
   * @csspart icon - the icon of the state
   * @csspart message - the state in words, an error or a refusal
   * @csspart counts - how much of how much is done
   * @csspart result - the slot of this name
   * @csspart status - what screen readers announce; not visible
   * @csspart cancel - the button that cancels
   * @cssprop --task-progress-color - the colour of the fill while the task runs
   * @cssprop --task-progress-track - the colour of the track
   * @cssprop --task-progress-success - the colour of the fill after a success
   * @cssprop --task-progress-failure - the colour of the fill after a failure
   * @cssprop --task-progress-height - the height of the bar
   * @cssstate pending - waits for its turn
   * @cssstate started - runs, and has not reported
   * @cssstate progress - runs
   * @cssstate retry - waits for its next attempt
   * @cssstate success - has succeeded
   * @cssstate failure - has failed
   * @cssstate revoked - was cancelled
   * @cssstate unknown - nothing is known of the task
   * @cssstate stalled - the worker does not respond
   * @cssstate disconnected - no connection to the server
   * @cssstate refused - may not be watched
   */
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

declare global {
  interface HTMLElementTagNameMap {
    "task-progress": TaskProgress
  }
}
