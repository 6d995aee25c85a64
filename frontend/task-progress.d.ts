/** See element.d.ts. */
export class TaskProgress extends HTMLElement {
    static observedAttributes: string[];
    /** Translate these texts; `{…}` is a field of the event. @type {Record<string, string>} */
    static words: Record<string, string>;
    get event(): import("./types.js").TaskEvent | null;
    connectedCallback(): void;
    disconnectedCallback(): void;
    /** @param {string} name @param {string | null} old @param {string | null} value */
    attributeChangedCallback(name: string, old: string | null, value: string | null): void;
    #private;
}
