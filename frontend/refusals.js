// Explains on the console why a task cannot be watched; subscribes again when the user comes back.

/** Texts for users, by code or reason; TaskProgress.words overrides them. @type {any} */
const WORDS = {
  forbidden: "You may not see this task",
  no_token: "Progress cannot be shown. Reload the page",
  bad_token: "Progress cannot be shown. Reload the page",
  other_task: "Progress cannot be shown. Reload the page",
  ended: "Your access has ended. Sign in again or reload the page",
  expired_token: "Your access has expired. Reload the page",
  other_user: "Sign in again to see this task",
  foreign_origin: "Progress cannot be shown on this site",
  too_many: "Too many progress bars are open",
}

const NEW_TOKEN = "Write the element with {% progress_bar %}, or set a new token from addresses()."

/** Remedies for developers, by code or reason. @type {any} */
const REMEDIES = {
  unreachable:
    'No websocket connects. Serve the site by an ASGI server (for runserver put "daphne" first in ' +
    "INSTALLED_APPS), add progress.routing.websocket_urlpatterns to asgi.py, and let proxies pass " +
    "the header Upgrade. Until then progress comes over plain HTTP, if the element has a status " +
    "attribute.",
  bad_event: "The attribute event must be the JSON of an event of the task in task-id.",
  bad_request: "The server cannot read the request. Are page and server of the same version?",
  not_found: "There is no websocket route at this address. Compare socket= with asgi.py.",
  ended: `The user has signed out, the token has expired, or the right has ended. ${NEW_TOKEN}`,
  forbidden:
    "The token is missing, expired, for another task or bound to another user, or the page has " +
    `another origin than the site. ${NEW_TOKEN} A proxy must keep the header Host.`,
  no_token: NEW_TOKEN,
  bad_token: `${NEW_TOKEN} All processes need the same SECRET_KEY.`,
  expired_token: NEW_TOKEN,
  other_task: `task-id and token do not belong together. ${NEW_TOKEN}`,
  not_owner: "The task belongs to another user or session. Check who starts it and who watches it.",
  rule: "The site's own rule denies it: PROGRESS_PERMISSION.",
  other_user: "The user must be signed in with the session cookie of this site.",
  foreign_origin:
    "The page has another origin than the site. Add the origin to CSRF_TRUSTED_ORIGINS. A proxy " +
    "must keep the header Host.",
  too_many: "See PROGRESS_SUBSCRIPTIONS and PROGRESS_SOCKETS_PER_USER.",
}

/** Maps close codes to the codes of error frames. @type {Record<string, string>} */
const CODES = {
  4400: "bad_request",
  4401: "ended",
  4403: "forbidden",
  4404: "not_found",
}

const warned = new Set()

/**
 * Warns once for each code and reason.
 * @param {string} what
 * @param {string} [where]
 * @param {string} [detail]
 */
export const warn = (what, where, detail) => {
  if (warned.has(what)) return
  warned.add(what)
  const remedy = what.split(" ").map((each) => REMEDIES[each]).filter(Boolean).pop()
  console.warn(["task-progress: " + what, where, detail, remedy].filter(Boolean).join(". "))
}

/** Elements that were refused. @type {Set<any>} */
const refused = new Set()

const tryAgain = () => {
  if (document.hidden) return
  const elements = [...refused]
  refused.clear()
  for (const element of elements) if (element.isConnected) element.connectedCallback()
}
// The user may have signed in again in another tab, or in a window beside this one.
document.addEventListener("visibilitychange", tryAgain)
addEventListener("focus", tryAgain)

/**
 * Fires `refused`. Returns the text to show in the page, or "" for the default text.
 * @param {any} element
 * @param {TaskError} error
 */
export const explain = (element, { code, reason, detail, task_id }) => {
  const name = code === "refused" ? CODES[detail] ?? code : code
  warn([name, reason].filter(Boolean).join(" "), `Task ${task_id}`, detail)
  refused.add(element)
  const options = { bubbles: true, composed: true, detail: { code: name, reason, detail, task_id } }
  element.dispatchEvent(new CustomEvent("refused", options))
  const words = { ...WORDS, ...element.constructor.words }
  return words[reason ?? ""] ?? words[name] ?? ""
}
