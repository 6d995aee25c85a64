// The element's types for frameworks. Imported by element.d.ts; a framework that is not installed
// is ignored.
import type { TaskProgress, TaskProgressAttributes, TaskProgressEvents } from "./element.js"
import type { TaskEvent } from "./types.js"

/** What every element takes. */
interface Common {
  id?: string
  class?: any
  style?: any
  hidden?: boolean
  slot?: string
  part?: string
  title?: string
  lang?: string
  dir?: string
  role?: any
  key?: any
  ref?: any
  children?: any
  [name: `aria-${string}` | `data-${string}`]: any
}

type TaskProgressProps = Common &
  Omit<TaskProgressAttributes, "event"> & {
    /** The JSON of an event, or the event itself: frameworks set the property. */
    event?: string | TaskEvent
  }

/** `onsuccess` and the like, as React 19, Preact and Svelte take them. */
type Listeners = {
  [Name in keyof TaskProgressEvents as `on${Name}`]?: (event: TaskProgressEvents[Name]) => unknown
}

/** `on:success` and the like, as Solid takes them. */
type SolidListeners = {
  [Name in keyof TaskProgressEvents as `on:${Name}`]?: (event: TaskProgressEvents[Name]) => unknown
}

/** Vue writes names without hyphens. */
type VueProps = Omit<TaskProgressProps, "task-id" | "cancel-url"> & {
  taskId?: string
  cancelUrl?: string
}

/** `@success` and the like, as Vue's templates take them. */
type VueListeners = {
  [Name in keyof TaskProgressEvents as `on${Capitalize<Name>}`]?: (
    event: TaskProgressEvents[Name],
  ) => unknown
}

type ReactProps = TaskProgressProps &
  Listeners & { className?: string; suppressHydrationWarning?: boolean }

declare global {
  namespace JSX {
    interface IntrinsicElements {
      "task-progress": ReactProps
    }
  }
}

// @ts-ignore where it is not installed
declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "task-progress": ReactProps
    }
  }
}

// @ts-ignore where it is not installed
declare module "preact" {
  namespace JSX {
    interface IntrinsicElements {
      "task-progress": TaskProgressProps & Listeners
    }
  }
}

// @ts-ignore where it is not installed
declare module "solid-js/jsx-runtime" {
  namespace JSX {
    interface IntrinsicElements {
      "task-progress": TaskProgressProps & SolidListeners
    }
  }
}

// @ts-ignore where it is not installed
declare module "vue" {
  interface GlobalComponents {
    "task-progress": new () => TaskProgress & { $props: VueProps & VueListeners }
  }
}

// @ts-ignore where it is not installed
declare module "svelte/elements" {
  interface SvelteHTMLElements {
    "task-progress": TaskProgressProps & Listeners
  }
}
