/** Everything needed to draw one task now. docs/protocol.md says what each field means. */
export interface TaskEvent {
  type: "progress"
  task_id: string
  /** Strictly rises for one task; 0 for UNKNOWN. */
  version: number
  run: number
  attempt: number
  /** When the task was sent, in microseconds since 1970; 0 if unknown. */
  published: number
  /** An opaque name of the process that runs the task; may be empty. */
  worker: string
  state: string
  stalled: boolean
  current: number
  total: number | null
  percent: number | null
  description: string
  complete: boolean
  success: boolean | null
  result: unknown
  error: string | null
}

/** Ends the subscription. */
export interface TaskError {
  type: "error"
  /** The code of the server's error frame; "refused" if the server closed the websocket. */
  code: string
  /** Why, if the server says so. */
  reason?: string
  /** For developers; the close code if the code is "refused". */
  detail: string
  task_id: string
}

/**
 * "disconnected" comes once the connection has been away for 3 s, and again after each attempt that
 * fails.
 */
export interface Connection {
  type: "connected" | "disconnected"
}

/** The server has renewed the token. */
export interface Renewal {
  type: "token"
  token: string
}

export type Message = TaskEvent | TaskError | Connection | Renewal
export type Watcher = (message: Message) => void

/**
 * Returns a function that unsubscribes. Calls the watcher later, never at once. An outcome or an
 * error comes last. A watcher may get an event again when another watcher subscribes.
 *
 * A task that nobody watches, or of which nothing is known yet, takes the newest token.
 */
export type Subscribe = (
  taskId: string,
  watcher: Watcher,
  token?: string | null,
  status?: string | null,
) => () => void

/** The browser's own, or that of the package `ws`. */
export type SocketClass = new (url: string) => any

/** A task that is watched. */
export interface Topic {
  event?: TaskEvent
  /** The token of the newest subscription, or the server's renewal of it. */
  token?: string | null
  /** The token of the last subscribe frame. */
  sent?: unknown
  /** Whether that frame is still to be answered. */
  asked?: boolean
  /** The address of the JSON state. Without it there is no fallback. */
  status?: string | null
  /** Ends watching over plain HTTP, which lasts while no websocket connects. */
  fallback?: AbortController | null
  /** Whether plain HTTP gets through. */
  live?: boolean
  /** Lets its socket unsubscribe from what nobody watches. */
  settle?: () => void
  watchers: Set<Watcher>
}

export interface WatchOptions {
  /** The task. Without it the task in the address. */
  taskId?: string
  /** The token. Without it the one in the address. */
  token?: string
  /** The address of the JSON state (`status_url`), used where websockets are blocked. */
  status?: string | URL
  /** Several tasks by the shared address: their ids and tokens. */
  tasks?: Record<string, string | null>
  /** Gets each newer state of a task. The outcome comes last, once. */
  onEvent: (event: TaskEvent) => unknown
  /** Gets the refusal of a task. Without it the refusal is reported as an error. */
  onError?: (error: TaskError) => unknown
  /** Gets whether the server can be reached, at each change; false once it could not for 3 s. */
  onConnection?: (connected: boolean) => unknown
  /** For a runtime that has no WebSocket: the one of the package `ws`, for example. */
  WebSocket?: SocketClass
}
