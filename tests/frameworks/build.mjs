// Builds a module for a page, or for Node if its name ends with "-server":
// node build.mjs <node_modules> <frontend> <folder> <name> makes <name>.js of <name>.entry.js.
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"

const [packages, frontend, folder, name] = process.argv.slice(2)
const require = createRequire(join(packages, "x"))

const svelte = {
  name: "svelte",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.svelte$/ }, ({ path }) => {
      const { compile } = require("svelte/compiler")
      return { contents: compile(readFileSync(path, "utf8"), { filename: path, dev: true }).js.code }
    }),
}
/** React 18 has the packages of 19 under other names. */
const older = { react: "react18", "react-dom": "react-dom18" }

/** React's server asks for Node's modules. */
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire("/")`

await require("esbuild").build({
  entryPoints: [join(folder, `${name}.entry.js`)],
  outfile: join(folder, `${name}.js`),
  bundle: true,
  format: "esm",
  ...(name.endsWith("-server") && { platform: "node", banner: { js: REQUIRE } }),
  conditions: ["svelte", "development"],
  nodePaths: [packages],
  loader: { ".js": "jsx" },
  jsx: "automatic",
  define: {
    "process.env.NODE_ENV": '"development"',
    __VUE_OPTIONS_API__: "true",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true",
  },
  alias: {
    "channels-progress/element": join(frontend, "task-progress.js"),
    vue: join(packages, "vue/dist/vue.esm-bundler.js"),
    ...(name.startsWith("react18") && older),
  },
  plugins: [svelte],
  logLevel: "warning",
})
