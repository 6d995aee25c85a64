// The stylesheet of the other forms of a bar: `variant="compact"`, "inline" and "ring".
import { addSheet } from "./drawing.js";
export { extend } from "./sheets.js";

addSheet(`
:host([variant=compact]) [part=body], :host([variant=inline]) [part=body] { display: flex;
  flex-wrap: wrap; align-items: baseline; gap: 0 .75em; font-size: .875em }
:host(:is([variant=compact], [variant=inline])) [part=head] { display: contents }
:host(:is([variant=compact], [variant=inline])) [part=foot] { order: -1; font-size: 1em }
:host(:is([variant=compact], [variant=inline])) [part=label] { display: none }
:host([variant=compact]) [part=foot] { flex: 1 1 0 }
:host([variant=compact]) [part=bar] { order: 1; flex: 0 0 100%; margin: .25em 0 }
:host([variant=compact]) button[hidden] { display: block; visibility: hidden }
:host([variant=compact]) [name=result] { order: 2 }
:host([variant=inline]) { display: inline-block; max-width: 100%; vertical-align: bottom }
:host([variant=inline]) [part=body] { font-size: 1em }
:host([variant=inline]) [part=foot] { flex-wrap: nowrap }
:host([variant=inline]) [part=message] { flex: 0 1 auto }
:host([variant=inline]) [part=percent] { order: 1; direction: inherit; text-align: start }
:host([variant=inline]) [part=bar] { flex: none; align-self: center; width: 6em; margin: 0 }
:host([variant=inline]) [part=counts] { display: none }
:host([variant=ring]) [part=body] { position: relative; min-height: 3em;
  padding-inline-start: 3.75em }
:host([variant=ring]) [part=bar] { position: absolute; top: 0; inset-inline-start: 0;
  width: 3em; height: 3em; margin: 0; background: none; border-radius: 50% }
:host([variant=ring]) [part=fill] { width: 100%; background: conic-gradient(
  var(--fill, var(--task-progress-color, #3b82f6)) calc(var(--value) * 1%),
  var(--task-progress-track, #8884) 0);
  --ring: radial-gradient(closest-side, #0000 77%, #000 80%); -webkit-mask: var(--ring);
  mask: var(--ring) }
:host([variant=ring]) [part=percent] { position: absolute; top: 0;
  left: 0; width: 4em; min-width: 0; font-size: .75em; line-height: 4; text-align: center }
:host([variant=ring]) [part=percent]:dir(rtl) { left: auto; right: 0 }
:host([variant=ring]) [part=message] { flex-basis: 3em }
:host([variant=ring]) .busy [part=fill] { position: static; width: 100%; --value: 25 }
@media (prefers-reduced-motion: no-preference) {
  :host([variant=ring]) .busy.moves [part=fill] { animation: turn 1.6s linear infinite }
}
@keyframes turn { to { transform: rotate(1turn) } }
`)
