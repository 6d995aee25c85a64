// Gives an element the stylesheets that the page has loaded, in whatever document it is now.
import { sheets } from "./drawing.js";

/** @param {any} element */
export const extend = ({ ownerDocument, shadowRoot }) => {
  const view = ownerDocument.defaultView
  if (!view) return // nothing is drawn there
  shadowRoot.adoptedStyleSheets = view === window ? sheets : sheets.map((each) => copy(each, view))
}

/** A constructed sheet belongs to one document. @param {CSSStyleSheet} sheet @param {any} view */
const copy = ({ cssRules }, view) => {
  const made = new view.CSSStyleSheet()
  made.replaceSync([...cssRules].map(({ cssText }) => cssText).join("\n"))
  return made
}
