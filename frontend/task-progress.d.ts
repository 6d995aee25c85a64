/** See element.d.ts. */
export class TaskProgress extends HTMLElement {
    static observedAttributes: string[];
    /** Translate these texts; `{…}` is a field of the event. @type {Record<string, string>} */
    static words: Record<string, string>;
    /**
     * Frameworks set the property instead of the attribute.
     * @param {TaskEvent | string | null | undefined} value
     */
    set event(value: TaskEvent | string | null | undefined);
    /** @returns {TaskEvent | null} */
    get event(): TaskEvent | null;
    connectedCallback(element?: any): void;
    disconnectedCallback(): void;
    adoptedCallback(): void;
    /** @param {string} name @param {string | null} old @param {string | null} value */
    attributeChangedCallback(name: string, old: string | null, value: string | null): void;
    #private;
}
import type { TaskEvent } from "./types.js";
