// The stylesheet of the other forms of a bar: `variant="compact"`, "inline" and "ring".
import { dress } from "./drawing.js";

const STYLE = ``

/** @param {any} element */
export const extend = ({ shadowRoot }) => dress(shadowRoot, STYLE)
