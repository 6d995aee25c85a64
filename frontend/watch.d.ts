/**
 * Watches a task by its `websocket_url`, or several tasks by the shared address, until their
 * outcomes. Reconnects by itself. Returns a function that stops it: then nothing is called any more.
 * Once stopped, or after the last outcome, it does not keep a script running.
 *
 * An outcome that was known before is an event like any other: its `complete` is true.
 *
 * A callback that throws is reported by `reportError` or on the console, and is called again.
 *
 * Throws TypeError for a url or options that it cannot use, and Error in a runtime without WebSocket,
 * such as Node 20, if no class was passed.
 * @param {string | URL} url
 * @param {WatchOptions} options
 * @returns {() => void}
 */
export function watch(url: string | URL, options: WatchOptions): () => void;
import type { WatchOptions } from "./types.js";
