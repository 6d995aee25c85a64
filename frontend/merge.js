/**
 * Whether a watcher takes `next` over `current`. After the outcome nothing follows.
 * @param {TaskEvent | null | undefined} current
 * @param {TaskEvent} next
 */
export const isNewer = (current, next) =>
  !current || (!current.complete && next.version > current.version)
