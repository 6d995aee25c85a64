// Recognizes events of tasks, finds the newer of two events, and delivers events to watchers.

/** Undefined if the text is not JSON. @param {string} text */
export const parse = (text) => {
  try {
    return JSON.parse(text)
  } catch {}
}

/** @param {any} message */
export const isEvent = (message) =>
  message?.type === "progress" &&
  typeof message.state === "string" &&
  [message.version, message.current, message.total ?? 0, message.percent ?? 0].every(Number.isFinite)

/**
 * Whether `next` replaces `current`. Nothing replaces an outcome.
 * @param {TaskEvent | null | undefined} current
 * @param {TaskEvent} next
 */
export const isNewer = (current, next) =>
  !current || (!current.complete && next.version > current.version)

/**
 * Calls each watcher in its own microtask, so that a watcher that throws stops no other.
 * @param {Topic} topic
 * @param {Message} message
 */
export const deliver = (topic, message) =>
  topic.watchers.forEach((watcher) =>
    queueMicrotask(() => topic.watchers.has(watcher) && watcher(message)),
  )
