"""Plans as hypothesis makes them: any shape that can be carried out, with titles as strangers write them."""

from hypothesis import strategies as st

from cdock.core.planning.document import Plan, PlanTask, problems_of

NASTY = (
    'say "hi"]',
    "end",
    "1. first",
    "- item",
    "`code` **bold** _x_",
    "%%{init: {'theme':'dark'}}%%",
    "%% comment",
    "--> t1",
    "a; b; c",
    "style t1 fill:#f00;",
    "classDef x: y#z;",
    "<script>alert(1)</script>",
    "&amp; &lt; #quot; #35;",
    "subgraph x",
    "click t1 href 'javascript:alert(1)'",
    "```\n~~~\n# heading\n",
    "---\ntitle: x\n---",
    "<!-- FLUX METADATA -->",
    "<!-- cdock:planned -->",
    "cdock:\n  version: 1",
    "no",
    "null",
    "1e3",
    "0o17",
    "2026-01-01",
    "*alias &anchor !tag",
    "ﬂ°°35¶ß ﬂ°quot¶ß",
    "مرحبا \u202e \u200b 你好 👩‍💻",
    "a\u0085b\u2028c\u2029d",
    "\ttab \x1b[31m",
    "  blanks  ",
    "trailing \n\n lines\n\n",
)
texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY), max_size=3).map("\n".join),
)
titles = texts.filter(lambda text: bool(text.strip()))
lines = texts.map(lambda text: text.replace("\n", " ").replace("\0", "").replace("<!--", "<!-")).filter(
    lambda text: bool(text.strip())
)
names = st.one_of(st.just(""), st.sampled_from(("claude", "codex", "no", "3")), texts)


@st.composite
def plans(draw: st.DrawFn, *, most: int = 4) -> Plan:
    """A plan without problems; its tasks may be plans."""
    plan = Plan(draw(titles), draw(texts), _tasks(draw, "t", most, depth=1))
    assert problems_of(plan) == ()
    return plan


def _tasks(draw: st.DrawFn, prefix: str, most: int, *, depth: int) -> tuple[PlanTask, ...]:
    found: list[PlanTask] = []
    for number in range(draw(st.integers(1, most))):
        after = draw(st.lists(st.sampled_from([t.key for t in found]), unique=True)) if found else []
        nested = depth < 3 and draw(st.integers(0, 7)) == 7
        found.append(
            PlanTask(
                f"{prefix}{number}",
                draw(titles),
                description=draw(texts),
                after=tuple(after),
                files=tuple(draw(st.lists(lines, max_size=2))),
                acceptance=tuple(draw(st.lists(lines, max_size=2))),
                agent=draw(names),
                model=draw(names),
                max_turns=draw(st.integers(0, 999_999)),
                max_cost=draw(st.sampled_from((0.0, 0.01, 2.5, 1e-7, 1e16)) | st.floats(0, 100_000)),
                tasks=_tasks(draw, f"{prefix}{number}.", 3, depth=depth + 1) if nested else (),
            )
        )
    # Told out of order, as people do.
    return tuple(draw(st.permutations(found)))
