// What the modules here call by name in their comments; not part of the package.
type TaskEvent = import("./types.js").TaskEvent
type Message = import("./types.js").Message
type Watcher = import("./types.js").Watcher
type Topic = import("./types.js").Topic
type Subscribe = import("./types.js").Subscribe
