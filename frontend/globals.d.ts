// The types that the JSDoc comments of these modules use. Not part of the package.
type TaskEvent = import("./types.js").TaskEvent
type TaskError = import("./types.js").TaskError
type Message = import("./types.js").Message
type Watcher = import("./types.js").Watcher
type Topic = import("./types.js").Topic
type Subscribe = import("./types.js").Subscribe
