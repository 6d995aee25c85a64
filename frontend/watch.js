import { isNewer } from "./merge.js"
import { ProgressSocket } from "./socket.js"

/** @import { Message, SocketClass, TaskError, TaskEvent, WatchOptions } from "./types.js" */

const report = (/** @type {unknown} */ error) => (globalThis.reportError ?? console.error)(error)

/**
 * One that throws, or rejects, neither ends a script nor keeps others from hearing.
 * @template T
 * @param {((told: T) => unknown) | undefined} callback
 * @param {T} told
 */
const call = async (callback, told) => {
  try {
    await callback?.(told)
  } catch (error) {
    report(error)
  }
}

/** @param {TaskError} error */
const complain = ({ task_id, code, detail }) =>
  report(new Error(`The task ${task_id} cannot be watched: ${code}, ${detail}`))

/** @param {string | URL} url */
const parse = (url) => {
  const shown = `${url}`.split("?")[0] // without the token
  try {
    const address = new URL(url, globalThis.document?.baseURI)
    if (/^(ws|http)s?:$/.test(address.protocol)) return address
  } catch {
    // said below
  }
  throw new TypeError(`watch() takes the websocket_url of a task that was started, not "${shown}"`)
}

/** @param {URL} address */
const taskOf = ({ pathname }) => {
  try {
    const id = pathname.match(/\/ws\/progress\/(.+)\/$/)?.[1]
    if (id) return decodeURIComponent(id)
  } catch {
    // said below
  }
  throw new TypeError(`watch() finds no task id in "${pathname}": pass a taskId, or tasks`)
}

/** @param {SocketClass} Socket The package ws throws errors that nobody listens for. */
const quiet = (Socket) =>
  class extends Socket {
    /** @param {string} url */
    constructor(url) {
      super(url)
      this.onerror = () => {}
    }
  }

/** @param {URL} address @param {SocketClass} Socket */
const open = ({ href }, Socket) =>
  globalThis.document && Socket === globalThis.WebSocket
    ? ProgressSocket.at(href) // the page's
    : new ProgressSocket(href, /** @type {any} */ (quiet(Socket)))

/** @param {WatchOptions} options @param {(connected: boolean) => void} turn */
const watcher = ({ onEvent, onError = complain }, turn) => {
  /** @type {TaskEvent | null} */
  let newest = null
  return (/** @type {Message} */ message) => {
    if (message.type === "error") call(onError, message)
    else if (message.type !== "progress") turn(message.type === "connected")
    else if (isNewer(newest, message)) call(onEvent, (newest = message))
  }
}

/**
 * Watches a task by its `websocket_url`, or several by the shared address, until their outcomes;
 * the link comes back by itself. Returns what stops it: nothing is called any more then. With the
 * last outcome, or stopped, it keeps no script from ending.
 *
 * A callback that throws is reported, by `reportError` or on the console, and called again.
 *
 * Throws TypeError for a url or options that cannot be used, and Error in a runtime that has no
 * WebSocket, such as Node 20, when none was passed.
 * @param {string | URL} url
 * @param {WatchOptions} options
 * @returns {() => void}
 */
export function watch(url, options) {
  const { taskId, token, status, tasks, onEvent, onConnection } = options ?? {}
  const { WebSocket = globalThis.WebSocket } = options ?? {}
  if (typeof onEvent !== "function") throw new TypeError("watch() needs a function: { onEvent }")
  if (!WebSocket)
    throw new Error('There is no WebSocket here: pass one, { WebSocket }, as of the package "ws"')
  const address = parse(url)
  // In a frame the token gets into no log, and can be renewed.
  const given = token ?? address.searchParams.get("token")
  address.searchParams.delete("token")
  const wanted = tasks ? Object.entries(tasks) : [[taskId ?? taskOf(address), given]]
  if (!wanted.length) throw new TypeError("watch() needs a task: { tasks } is empty")
  /** @type {boolean | undefined} */
  let connected
  const turn = (/** @type {boolean} */ now) => {
    if (now !== connected) call(onConnection, (connected = now))
  }
  const socket = open(address, WebSocket)
  const state = status && !tasks ? `${status}` : null
  const leave = wanted.map(([id, token]) =>
    socket.subscribe(`${id}`, watcher(options, turn), token, state),
  )
  return () => leave.forEach((each) => each())
}
