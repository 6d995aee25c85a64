// Dresses an element again after another document has adopted it, since documents drop its sheets.
import { sheets } from "./drawing.js";

/** @param {any} element */
export const extend = ({ ownerDocument, shadowRoot }) => {
  const view = ownerDocument.defaultView
  if (!view) return // nothing is drawn there
  shadowRoot.adoptedStyleSheets = Object.keys(sheets).map((css) => {
    if (view === window) return sheets[css]
    const sheet = new view.CSSStyleSheet() // a sheet belongs to one document
    sheet.replaceSync(css)
    return sheet
  })
}
