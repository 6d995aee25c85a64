import { TaskProgress } from "./task-progress.js"

export { TaskProgress }

declare global {
  interface HTMLElementTagNameMap {
    "task-progress": TaskProgress
  }
}
