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
export function watch(url: string | URL, options: WatchOptions): () => void;
import type { WatchOptions } from "./types.js";
