// Builds the nodes of a bar, dresses them, and paces the drawings of a page.

// All lines have their height from the first drawing, in em, so that nothing below a bar moves;
// task-progress.css has the sum. The numbers at the end of a line run against the page's direction,
// since browsers count the place where a text starts, and each new digit would be a layout shift.
// Colours are plain: browsers drop a whole declaration for a light-dark() or color-mix() that they do
// not know. Texts have the colour of the page.
const STYLE = `
:host { display: block; line-height: 1.5; font-variant-numeric: tabular-nums }
:host([hidden]), [hidden] { display: none }
[part=head], [part=foot] { display: flex; flex-wrap: wrap; justify-content: end; gap: 0 1em;
  align-items: baseline }
[part=label]::before { content: "\\200b" }
[part=label], [part=message] { flex: 1 5em; min-width: 0; overflow-wrap: anywhere }
div div div { unicode-bidi: plaintext }
[part=percent] { min-width: 3em }
[part=percent], [part=counts] { direction: rtl; text-align: right }
[part=percent]:dir(rtl), [part=counts]:dir(rtl) { direction: ltr; text-align: left }
[part=label]:dir(rtl), [part=message]:dir(rtl) { text-align: right }
[part=foot] { font-size: .875em }
[part=icon] { width: 1em; margin-inline-end: -.5em; text-align: center }
[part=bar] { contain: strict;
  height: var(--task-progress-height, .5em); margin: .375em 0; border-radius: 9em;
  background: var(--task-progress-track, #8884); print-color-adjust: exact }
[part=fill] { height: 100%; inline-size: calc(var(--value) * 1%);
  background: var(--fill, var(--task-progress-color, #3b82f6)) }
[part=status] { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%) }
.SUCCESS { --fill: var(--task-progress-success, #15803d) }
.FAILURE { --fill: var(--task-progress-failure, #dc2626) }
.REVOKED { --fill: #777 }
@media (prefers-reduced-motion: no-preference) {
  .moves [part=fill] { transition: inline-size .3s } }
@media (forced-colors: active) { [part=bar] { outline: 1px solid; background: Canvas;
  --fill: Highlight; forced-color-adjust: none } }
`

/** The icons, by what a bar shows; each is in the symbol font of every system. @type {any} */
export const ICONS = {
  none: "○",
  connecting: "…",
  disconnected: "⇄",
  stalled: "‖",
  error: "⊘",
  PENDING: "◷",
  STARTED: "▸",
  PROGRESS: "▸",
  RETRY: "↻",
  SUCCESS: "✓",
  FAILURE: "✕",
  REVOKED: "■",
  UNKNOWN: "?",
}

/** The nodes of a bar: a parent, and its children. */
const TREE = {
  body: ["head", "bar", "foot", "result", "status"],
  head: ["label", "actions", "percent"],
  bar: ["fill"],
  foot: ["icon", "message", "counts"],
}

/**
 * Builds the nodes of a bar. They hold all that it shows, since a page may change the element's
 * attributes and children at any time. Returns them by their parts.
 * @param {ShadowRoot} shadow
 */
export const build = (shadow) => {
  /** @type {Record<string, any>} */
  const nodes = { body: make("body") }
  for (const [parent, parts] of Object.entries(TREE))
    nodes[parent].append(...parts.map((part) => (nodes[part] = make(part))))
  const { actions, bar, body, icon, message, result, status } = nodes
  shadow.append(body)
  bar.role = "progressbar"
  bar.setAttribute("aria-describedby", (message.id = "task-progress-message"))
  icon.ariaHidden = message.ariaHidden = "true" // the status says the message
  status.role = "status"
  shadow.adoptedStyleSheets = sheets
  return nodes
}

/** @param {string} part */
const make = (part) =>
  Object.assign(document.createElement(/actions|result/.test(part) ? "slot" : "div"), {
    part,
    name: part,
  })

/** The stylesheets of all bars, constructed, since a strict CSP blocks style elements. */
export const sheets = /** @type {CSSStyleSheet[]} */ ([])
/** @param {string} css */
export const addSheet = (css) => {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  sheets.push(sheet)
}
if (globalThis.document) addSheet(STYLE)

/** Cached number formats. @type {any} */
const formats = {}
/** @param {number} value @param {any} [style] */
export const format = (value, style) => {
  const { lang } = document.documentElement
  try {
    formats[lang + style] ??= Intl.NumberFormat(lang, { style })
  } catch {
    formats[lang + style] = Intl.NumberFormat([], { style }) // "en_US" is not a language tag
  }
  return formats[lang + style].format(value)
}

export let rest = 0 // ms
/** @type {Set<() => void>} */
const due = new Set()
const drawDue = () => {
  rest = due.size > 20 ? due.size * 5 : 0 // many bars are drawn less often: 5 ms a bar
  if (rest) setTimeout(requestAnimationFrame, rest, drawDue)
  due.forEach(queueMicrotask)
  due.clear()
}

/** Calls the function in the next frame, once. @param {() => void} draw */
export const drawSoon = (draw) => {
  if (document.hidden) return draw() // hidden pages get no frames
  if (!due.size && !rest) requestAnimationFrame(drawDue)
  due.add(draw)
}
