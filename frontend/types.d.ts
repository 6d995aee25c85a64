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
  /** When this run began, in microseconds on the clock of `version`; null before.
   * Workers of an earlier version leave out this field, unit, rate and eta. */
  started?: number | null
  state: string
  stalled: boolean
  current: number
  total: number | null
  /** What `current` counts; "B" for bytes. */
  unit?: string | null
  percent: number | null
  /** Units a second; null if nobody knows. */
  rate?: number | null
  /** Seconds from `version` until the end; null if nobody knows. */
  eta?: number | null
  description: string
  complete: boolean
  success: boolean | null
  result: unknown
  error: string | null
}

/** The refusal of a task; it ends the subscription. */
export interface TaskError {
  type: "error"
  /** The code of the server's error frame; "refused" if the server closed the websocket. */
  code: string
  /** The server's reason, if it gave one. */
  reason?: string
  /** For developers; the close code if the code is "refused". */
  detail: string
  task_id: string
}

/**
 * "disconnected" comes when there has been no connection for 3 s, and after each attempt that fails.
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
 * The token replaces an earlier one if the task has no other watcher, or no event yet.
 */
export type Subscribe = (
  taskId: string,
  watcher: Watcher,
  token?: string | null,
  status?: string | null,
) => () => void

/** The WebSocket class of the browser, or of the package `ws`. */
export type SocketClass = new (url: string) => any

/** A task that is watched. */
export interface Topic {
  event?: TaskEvent
  /** The token of the newest subscription, or the server's renewal of it. */
  token?: string | null
  /** The token of the last subscribe frame. */
  sent?: unknown
  /** Whether the server has not yet answered that frame. */
  asked?: boolean
  /** The address of the JSON state. Without it there is no fallback. */
  status?: string | null
  /** Ends watching over plain HTTP, which lasts while no websocket connects. */
  fallback?: AbortController | null
  /** Whether requests over plain HTTP succeed. */
  live?: boolean
  /** Unsubscribes the socket from tasks without a watcher. */
  settle?: () => void
  watchers: Set<Watcher>
}

export interface WatchOptions {
  /** The task; by default the task in the address. */
  taskId?: string
  /** The token; by default the token in the address. */
  token?: string
  /** The address of the JSON state (`status_url`), used where websockets are blocked. */
  status?: string | URL
  /** For the shared address: the ids of several tasks, with their tokens. */
  tasks?: Record<string, string | null>
  /** Called with each newer state of a task. The outcome comes last, once. */
  onEvent: (event: TaskEvent) => unknown
  /** Called with the refusal of a task. By default the refusal is reported as an error. */
  onError?: (error: TaskError) => unknown
  /** Called with true after connecting, and with false after 3 s without a connection. */
  onConnection?: (connected: boolean) => unknown
  /** For a runtime without WebSocket: for example the class of the package `ws`. */
  WebSocket?: SocketClass
}
