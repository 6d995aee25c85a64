/**
 * Watches a task by its `websocket_url`, or several tasks by the shared address, until their
 * outcomes. Reconnects by itself. Returns a function that stops the watching and all callbacks.
 * After a stop, or after the last outcome, it does not keep a script running.
 *
 * If the task has ended before, `onEvent` gets the outcome, as an event with `complete`.
 *
 * If a callback throws, the error goes to `reportError` or to the console, and the callback is still
 * called for later events.
 *
 * Throws TypeError for a wrong url or wrong options, and Error in a runtime without WebSocket, such
 * as Node 20, if no `WebSocket` was passed.
 * @param {string | URL} url
 * @param {WatchOptions} options
 * @returns {() => void}
 */
export function watch(url: string | URL, options: WatchOptions): () => void;
import type { WatchOptions } from "./types.js";
