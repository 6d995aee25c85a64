// The stylesheet of the other forms of a bar: `variant="compact"`, "inline" and "ring".
import { dress } from "./drawing.js";

const STYLE = ``

/** @param {any} element @param {any} nodes of the element's drawing */
export const extend = (element, nodes) => (nodes.variants ??= (dress(element.shadowRoot, STYLE), true))
