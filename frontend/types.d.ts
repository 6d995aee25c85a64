/** Everything needed to draw one task now; docs/protocol.md says what each field means. */
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
  /** The server's code, or "refused" where it closed the socket for good. */
  code: string
  detail: string
  task_id: string
}

/** "disconnected" is told at each vain attempt once the connection has been away for seconds. */
export interface Connection {
  type: "connected" | "disconnected"
}

export type Message = TaskEvent | TaskError | Connection
export type Watcher = (message: Message) => void

/**
 * Returns what unsubscribes. Calls back later, never at once; an outcome or an error comes last.
 * A watcher may hear an event again when another one joins it.
 */
export type Subscribe = (
  taskId: string,
  watcher: Watcher,
  token?: string | null,
  status?: string | null,
) => () => void

/** What a browser has of its own; also that of the package `ws`. */
export type SocketClass = new (url: string) => any

export interface Topic {
  event?: TaskEvent
  /** What lets it be watched; the server renews it. */
  token?: string | null
  /** The address of the JSON state; without one there is nothing beside the websocket. */
  status?: string | null
  /** Ends what watches over plain HTTP while no websocket connects. */
  standIn?: AbortController | null
  /** Whether that hears from the server. */
  live?: boolean
  watchers: Set<Watcher>
}

export interface WatchOptions {
  /** The task; without it the one that the address is for. */
  taskId?: string
  /** What lets it be watched; without it the one in the address. */
  token?: string
  /** The address of its JSON state (`status_url`), for where no websocket gets through. */
  status?: string | URL
  /** Several tasks by the shared address: their ids and tokens. */
  tasks?: Record<string, string | null>
  /** Each newer state of a task; its outcome comes last, once. */
  onEvent: (event: TaskEvent) => unknown
  /** A task that cannot be watched, or not any more. Without it that is reported as an error. */
  onError?: (error: TaskError) => unknown
  /** Whether news get through: told at each change, false once they did not for seconds. */
  onConnection?: (connected: boolean) => unknown
  /** Where the runtime has none of its own: that of the package `ws`, say. */
  WebSocket?: SocketClass
}
