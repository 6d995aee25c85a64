// The button that cancels a task, in an element that has a `cancel-url`.
import { addSheet } from "./drawing.js";
import { extend as dress } from "./sheets.js";

addSheet(`
button { min-height: 24px; margin: -4px 0; padding: 0; border: 0; background: none; color: inherit;
  font: inherit; font-size: .875em; text-decoration: underline; cursor: pointer }
button[aria-disabled=true] { text-decoration: none; cursor: default }
[role=alert]:empty { display: none }
`)

/** Texts of the button; TaskProgress.words overrides them. */
const WORDS = {
  cancel: "Cancel",
  cancelling: "Cancelling…",
  uncancelled: "Cancelling failed. Try again",
}

/**
 * Adds the button to the element. The button is shown while the task can be cancelled.
 * @param {any} element
 * @param {any} nodes of the element's drawing; the bar gets the focus when the button disappears
 * @param {() => string | null} getToken
 */
export const extend = (element, nodes, getToken) => new Cancel(element, nodes, getToken)

class Cancel {
  #button = document.createElement("button")
  #problem = document.createElement("span")
  /** The task that the server has been asked to cancel. */
  #asked = ""

  /** @param {any} element @param {any} nodes @param {() => string | null} getToken */
  constructor(element, nodes, getToken) {
    this.element = element
    this.bar = nodes.bar
    this.getToken = getToken
    dress(element)
    nodes.actions.after(this.#problem, this.#button)
    Object.assign(this.#button, { type: "button", part: "cancel", onclick: () => this.#cancel() })
    this.#problem.role = "alert"
    const drawn = new MutationObserver(() => this.#draw())
    drawn.observe(nodes.body, { attributeFilter: ["class"] })
    this.#draw()
  }

  /** @returns {Record<string, string>} */
  get #words() {
    return { ...WORDS, ...this.element.constructor.words }
  }

  #draw() {
    const { event, shadowRoot } = this.element
    const isOn = !!event && !event.complete && event.state !== "UNKNOWN"
    const button = this.#button
    const isAsked = this.#asked === event?.task_id
    const text = this.#words[isAsked ? "cancelling" : "cancel"]
    if (button.hidden !== isOn && button.textContent === text) return
    if (!isOn && shadowRoot.activeElement === button) {
      this.bar.tabIndex = -1
      this.bar.focus()
    }
    button.hidden = !isOn
    button.ariaDisabled = `${isAsked}` // a disabled button loses the focus
    button.ariaLabel = `${text} ${this.element.getAttribute("label") ?? ""}`.trim()
    button.textContent = text
    if (!isOn) this.#problem.textContent = ""
  }

  async #cancel() {
    const { task_id } = this.element.event
    if (this.#asked === task_id) return
    this.#asked = task_id
    this.#problem.textContent = ""
    this.#draw()
    const headers = { Accept: "application/json", Authorization: `Bearer ${this.getToken()}` }
    const url = this.element.getAttribute("cancel-url")
    const isAccepted = await fetch(url, { method: "POST", headers }).then(({ ok }) => ok, () => false)
    if (isAccepted) return // the outcome comes as an event
    this.#asked = ""
    this.#problem.textContent = this.#words.uncancelled
    this.#draw()
  }
}
