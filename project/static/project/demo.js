// Starts jobs without reloading the page, and shows the results of imports and exports.
// Without this script the forms work as plain forms.

const jobs = document.getElementById("jobs")
const problem = document.getElementById("problem")
const news = document.getElementById("news")

/** @param {string} tag @param {string} text @param {object} [more] */
const make = (tag, text, more) => Object.assign(document.createElement(tag), { textContent: text }, more)

/** @param {number} value @param {string} one */
const count = (value, one) => `${value.toLocaleString("en")} ${one}${value === 1 ? "" : "s"}`

/** @param {number} bytes */
const size = (bytes) =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`

/** @param {string} words an empty text hides the line */
function showProblem(words = "") {
  problem.textContent = words
  problem.hidden = !words
}

function showLocalTimes() {
  for (const time of jobs.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString()
  }
}

/**
 * Loads a page of this site. Trusted Types forbid to parse its text.
 * @param {string} url
 * @returns {Promise<Document>}
 */
const load = (url) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open("GET", url)
    request.responseType = "document"
    request.onload = () => (request.responseXML ? resolve(request.responseXML) : reject())
    request.onerror = reject
    request.send()
  })

/** Adds the jobs that are new on the server's page. */
async function refresh() {
  const page = await load(jobs.dataset.page)
  const isNew = (item) => !document.getElementById(item.id)
  const items = [...page.querySelectorAll("#jobs > li")].filter(isNew)
  jobs.prepend(...items)
  showLocalTimes()
  document.getElementById("contacts").replaceWith(page.getElementById("contacts"))
  return items
}

/** @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function start(form, button) {
  const data = new FormData(form, button)
  const file = data.get("file")
  const limit = Number(form.elements.file?.dataset.limit)
  if (file?.size > limit) return showProblem(`The file is larger than ${limit / 2 ** 20} MB.`)
  const url = button?.hasAttribute("formaction") ? button.formAction : form.action
  const response = await fetch(url, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": data.get("csrfmiddlewaretoken") },
    body: data,
  })
  if (!response.ok) {
    const words = await response.json().then(({ error }) => error, () => "")
    return showProblem(words || `The server answered with ${response.status}.`)
  }
  showProblem()
  form.reset()
  const items = await refresh()
  news.textContent = `Started: ${items.map((item) => item.querySelector("h3").textContent).join(", ")}`
  items[0]?.scrollIntoView({ block: "nearest" })
}

/** @param {{imported: number, refused: number, refusals: {line: number, reason: string}[]}} result */
function describeImport({ imported, refused, refusals }) {
  const summary = make("p", `${count(imported, "row")} in, ${refused.toLocaleString("en")} refused.`)
  if (!refused) return [summary]
  const lines = refusals.map(({ line, reason }) => {
    const item = make("li", ` ${reason}`)
    item.prepend(make("b", `Line ${line.toLocaleString("en")}`))
    return item
  })
  const more = refused - refusals.length
  if (more > 0) lines.push(make("li", `and ${more.toLocaleString("en")} more`))
  const list = make("ul", "")
  list.append(...lines)
  const details = make("details", "")
  details.append(make("summary", "What was refused, and why"), list)
  return [summary, details]
}

/** @param {{url: string, rows: number, bytes: number}} result */
function describeExport({ url, rows, bytes }) {
  const words = `Download contacts.csv.gz (${count(rows, "row")}, ${size(bytes)})`
  return [make("a", words, { href: url, download: "", className: "button" })]
}

const describe = { import: describeImport, export: describeExport }

document.addEventListener("submit", (event) => {
  event.preventDefault()
  const { target, submitter } = event
  submitter?.setAttribute("aria-busy", "true")
  start(target, submitter)
    .catch(() => showProblem("The server cannot be reached: try again in a moment."))
    .finally(() => submitter?.removeAttribute("aria-busy"))
})

// Also for a job that ended before the page was loaded.
jobs.addEventListener("outcome", ({ target, detail }) => {
  const job = target.closest(".job")
  const words = detail.result && describe[job.dataset.job]?.(detail.result)
  if (words) job.querySelector(".outcome").replaceChildren(...words)
})

showLocalTimes()
// Jobs of other windows, and the present number of contacts.
document.addEventListener("visibilitychange", () => document.hidden || refresh().catch(() => {}))
jobs.addEventListener("success", ({ target }) => {
  if (target.closest('[data-job="import"]')) refresh().catch(() => {})
})
