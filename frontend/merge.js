/**
 * Whether a watcher takes `next`: after the outcome, nothing.
 * @param {TaskEvent | null | undefined} current
 * @param {TaskEvent} next
 */
export const isNewer = (current, next) =>
  !current || (!current.complete && next.version > current.version)
