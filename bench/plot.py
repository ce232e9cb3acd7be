# SPDX-License-Identifier: GPL-2.0-only
"""Ratios as bars on a logarithmic scale around 1, with the mark of their target."""

import math
from xml.sax.saxutils import escape

LEFT, WIDTH, LINE, TOP = 400, 420, 20, 46
DECADES = 2		# to either side of 1


def place(ratio):
    at = max(-DECADES, min(DECADES, math.log10(ratio)))
    return LEFT + WIDTH * (at + DECADES) / (2 * DECADES)


def bar(y, line):
    one, end = place(1), place(line["ratio"])
    colour = {True: "#2a7", False: "#c43", None: "#789"}[line["met"]]
    out = ['<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, y + 13, escape(line["what"])),
           '<rect x="%.1f" y="%d" width="%.1f" height="12" fill="%s"/>'
           % (min(one, end), y + 3, max(1, abs(end - one)), colour),
           '<text x="%d" y="%d">%.3g</text>' % (LEFT + WIDTH + 8, y + 13, line["ratio"])]
    if line["target"]:
        x = place(float(line["target"].split()[1]))
        out.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#000" stroke-width="2"/>'
                   % (x, x, y + 1, y + 17))
    return out


def svg(lines, env):
    high = TOP + LINE * len(lines) + 30
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" '
           'font-size="11">' % (LEFT + WIDTH + 70, high),
           '<rect width="100%" height="100%" fill="#fff"/>',
           '<text x="10" y="16" font-size="13">ours over theirs; the stroke is the target</text>',
           '<text x="10" y="32" fill="#555">%s</text>' % escape(
               "; ".join("%s %s" % (k, env[k]) for k in ("accel", "kernel", "cpus", "flags") if k in env))]
    for power in range(-DECADES, DECADES + 1):
        x = place(10 ** power)
        out.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#ddd"/>' % (x, x, TOP, high - 24))
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%g</text>' % (x, high - 10, 10.0 ** power))
    for i, line in enumerate(lines):
        out += bar(TOP + i * LINE, line)
    return "\n".join(out + ["</svg>"]) + "\n"
