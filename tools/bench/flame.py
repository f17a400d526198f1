"""Flame graphs: the stacks of `perf script` folded, and drawn as SVG.

A box is a function; its width is its share of the samples, what it called
stands on it. Beside each other they are in order of name, so that two graphs
can be compared; the left-right order says nothing about time.
"""

import html
import re

FRAME = re.compile(r"^\s+[0-9a-f]+ (.*?) \((.*)\)$")
OFFSET = re.compile(r"\+0x[0-9a-f]+$")

WIDTH, ROW, MARGIN = 1200, 17, 10
LEAST = 0.3             # boxes below this many pixels are left out
CHAR = 6.6              # width of a character, at most

# Where code is from, and so its colour: hue, and a word for the legend.
ORIGINS = (("tallygate", 35, "Tallygate"), ("libcurl", 95, "libcurl"),
           ("libevent", 150, "libevent"), ("liblmdb", 280, "LMDB"),
           ("[kernel", 210, "kernel"), ("libc.so", 0, "libc"),
           ("", 55, "other libraries"))


class Node:
    def __init__(self):
        self.samples, self.children = 0, {}

    def child(self, key):
        return self.children.setdefault(key, Node())


def origin(place):
    for number, (word, _, _) in enumerate(ORIGINS):
        if word in place:
            return number
    raise AssertionError("the last row matches all")


def frame_of(line):
    """(function, number of its origin) of a line of `perf script`, or
    None."""
    found = FRAME.match(line)
    if not found:
        return None
    name = OFFSET.sub("", found[1])
    place = found[2]
    if place.endswith("vmlinux") or "kernel.kallsyms" in place:
        place = "[kernel"
    return name, origin(place.rsplit("/", 1)[-1])


def fold(text):
    """The tree of all stacks. Each block of `perf script` is a sample, its
    innermost frame first."""
    root = Node()
    for block in text.split("\n\n"):
        frames = [f for f in map(frame_of, block.splitlines()) if f]
        if not frames:
            continue
        root.samples += 1
        node = root
        for frame in reversed(frames):
            node = node.child(frame)
            node.samples += 1
    return root


def depth(node):
    return 1 + max((depth(c) for c in node.children.values()), default=0)


def box(name, hue, x, y, width, share):
    shown = ""
    if width > 4 * CHAR:
        shown = name if len(name) * CHAR < width else \
            name[:int(width / CHAR) - 2] + ".."
    label = (f'<text x="{x + 3:.1f}" y="{y + 12}">{html.escape(shown)}</text>'
             if shown else "")
    # Neighbours of one origin differ a little.
    light = 62 + sum(map(ord, name)) % 14
    return (f"<g><title>{html.escape(name)}: {share:.1%}</title>"
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" '
            f'height="{ROW - 1}" fill="hsl({hue},70%,{light}%)"/>'
            f"{label}</g>")


def boxes(node, x, y, scale, total):
    """Boxes of what `node` called, from x on, and of all above them."""
    for (name, where), child in sorted(node.children.items()):
        width = child.samples * scale
        if width >= LEAST:
            yield box(name, ORIGINS[where][1], x, y, width,
                      child.samples / total)
            yield from boxes(child, x, y - ROW, scale, total)
        x += width


def legend(y):
    x = MARGIN
    for _, hue, word in ORIGINS:
        yield (f'<rect x="{x}" y="{y}" width="12" height="12" '
               f'fill="hsl({hue},70%,68%)"/>'
               f'<text x="{x + 16}" y="{y + 10}">{word}</text>')
        x += int(28 + len(word) * CHAR + 10)


def svg(root, title):
    """The picture's text. root.samples must not be 0."""
    height = (depth(root) - 1) * ROW + 4 * ROW
    scale = (WIDTH - 2 * MARGIN) / root.samples
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" '
             f'width="{WIDTH}" height="{height}" font-family="monospace" '
             'font-size="11">',
             '<rect width="100%" height="100%" fill="#fff"/>',
             f'<text x="{MARGIN}" y="{ROW}" font-size="13">'
             f"{html.escape(title)}, {root.samples} samples</text>"]
    lines += boxes(root, MARGIN, height - 3 * ROW, scale, root.samples)
    lines += legend(height - ROW - 4)
    return "\n".join(lines + ["</svg>"]) + "\n"
