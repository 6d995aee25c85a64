export { watch } from "./watch.js"
export type { SocketClass, TaskError, TaskEvent, WatchOptions } from "./types.js"
