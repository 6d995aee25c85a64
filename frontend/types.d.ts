/** Everything needed to draw one task now; docs/design.md says what each field means. */
interface TaskEvent {
  type: "progress"
  task_id: string
  /** Strictly rises for one task; 0 for UNKNOWN. */
  version: number
  run: number
  attempt: number
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
interface TaskError {
  type: "error"
  /** The server's code, or "refused" where it closed the socket for good. */
  code: string
  detail: string
  task_id: string
}

/** "disconnected" is told at each vain attempt once the connection has been away for seconds. */
interface Connection {
  type: "connected" | "disconnected"
}

type Message = TaskEvent | TaskError | Connection
type Watcher = (message: Message) => void

interface Topic {
  event: TaskEvent | null
  /** What lets it be watched; the server renews it. */
  token?: string | null
  watchers: Set<Watcher>
}
