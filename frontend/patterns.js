// The patterns of bars that do not simply fill: work of unknown length moves, trouble is striped.
import { addSheet } from "./drawing.js";
export { extend } from "./sheets.js";

addSheet(`
[part=bar] { position: relative }
[part=fill] { -webkit-mask: var(--pattern); mask: var(--pattern) }
.RETRY, .stalled, .disconnected {
  --pattern: repeating-linear-gradient(135deg, #000 0 .25em, #0004 0 .5em) }
.busy [part=fill] { inline-size: 100%; --pattern: linear-gradient(90deg, #0000, #000, #0000) }
@media (prefers-reduced-motion: no-preference) {
  .busy.moves [part=fill] { position: absolute; left: 0; width: 50%; transition: none;
    animation: work 1.6s linear infinite }
  .busy :dir(rtl) { animation-direction: reverse }
}
@keyframes work { 0% { transform: translateX(-100%) } to { transform: translateX(200%) } }
`)
