"""The word lists and patterns that the calibration text is made from."""
# ruff: noqa: RUF001 - some of these texts are in other scripts, or contain lookalikes

from __future__ import annotations

from typing import Final


def _lines(block: str) -> tuple[str, ...]:
    return tuple(block.strip().splitlines())


def _words(block: str) -> tuple[str, ...]:
    return tuple(block.split())


PEOPLE: Final = _lines(
    """
the ferry captain
a retired surveyor
Marta
the night porter
our bookkeeper
an apprentice glazier
Professor Okafor
the beekeeper
two auditors
the youngest cellist
a customs clerk
Tomás
the village council
my neighbour
the shift engineer
Ingrid
a visiting botanist
the translators
"""
)

DEEDS: Final = _lines(
    """
repaired
described
could not find
carefully measured
sold
forgot about
argued over
had already packed
photographed
was asked to guard
borrowed
quietly replaced
wrote a long letter about
compared
painted
counted
refused to sign for
remembered
"""
)

THINGS: Final = _lines(
    """
the copper weather vane
three crates of pears
an unpaid invoice
the old harbour map
a recipe for rye bread
the results of the trial
seven broken windows
the treaty's second clause
a jar of buttons
the water pump
every seat in the theatre
the missing ledger
a theory of tides
the new railway timetable
the patient's chart
a violin without strings
the budget for winter
an island that nobody had named
"""
)

SETTINGS: Final = _lines(
    """
before the rain reached the valley
because the bridge was closed
in the spring of 1893
while the children slept
as the committee had promised
although the price had doubled
somewhere between Lisbon and the coast
without telling anyone why
on the last Thursday of the month
until the generator failed
at a temperature of 41 degrees
under the terms of the contract
when the second letter arrived
for reasons of safety
"""
)

REMARKS: Final = _lines(
    """
Nothing in the minutes explains this.
Is that a coincidence, or a habit?
Please keep the receipt, because the office will ask for it.
The capital of the province has moved twice since then.
It is warm there in summer and quiet in winter.
Heat flows from the warm body to the cold one, never by itself the other way.
She laughed and said, "You should have asked me first."
The access code for the store room is written on the back of the door.
In short, the plan was sound but the timing was not.
Most birds of this family lay between four and six eggs.
Demand fell by twelve percent, while costs rose by nearly a third.
What follows is a summary of the evidence and of the doubts that remain.
You can't blame them; they'd never seen snow.
First wash the rice, then let it rest, and only then bring it to the boil.
"""
)

JOINS: Final = (
    " and ",
    ", but ",
    "; meanwhile ",
    ", so ",
    ", which is why ",
    ". Later ",
    ". Even so, ",
)

FIELDS: Final = _words(
    """
    id name status created_at owner total currency tags retries latency_ms region enabled parent
    checksum items address limits notes version weight_kg
    """
)

VALUES: Final = _lines(
    """
pending
eu-north-1
shipped
GBP
alpha
read-only
user@example.org
https://example.com/a/7
2024-11-05T08:30:00Z
n/a
Oak Street 12
retry later
0x7f3a
"""
)

SNIPPETS: Final = (
    """
    def {a}({b}: list[int], limit: int = {n}) -> dict[str, int]:
        # Stop early: the caller only needs the first few.
        {c} = {{}}
        for index, value in enumerate({b}):
            if value % {m} == 0 or index >= limit:
                continue
            {c}[f"{{index}}:{{value}}"] = {c}.get(str(value), 0) + 1
        return {c}
    """,
    """
    static int {a}(const struct {b} *self, size_t {c}) {{
        if (self == NULL || {c} > {n}u)
            return -EINVAL;
        for (size_t i = 0; i < {c}; ++i)
            self->data[i] ^= (uint8_t)(i * {m});
        return 0;
    }}
    """,
    """
    SELECT {a}.id, COUNT(*) AS {b}, AVG({c}) FROM {a}
    LEFT JOIN {b} ON {b}.{a}_id = {a}.id
    WHERE {c} BETWEEN {m} AND {n} GROUP BY {a}.id HAVING COUNT(*) > 1 ORDER BY 2 DESC;
    """,
    """
    export async function {a}({b}, {{ retries = {m} }} = {{}}) {{
      const {c} = await fetch(`/api/{b}/${{{b}.id}}`);
      if (!{c}.ok && retries > 0) return {a}({b}, {{ retries: retries - 1 }});
      return (await {c}.json()).map((x) => x.value ?? {n});
    }}
    """,
    """
    fn {a}<T: Ord + Clone>({b}: &[T]) -> Option<T> {{
        let mut {c} = {b}.to_vec();
        {c}.sort_unstable();
        {c}.get({b}.len() / {m}).cloned()
    }}
    """,
    """
    for {c} in $(ls /var/lib/{a} | head -n {n}); do
      [ -f "${c}" ] || {{ echo "skip ${c}" >&2; continue; }}
      tar -czf "/tmp/{b}-${c}.tgz" --exclude='*.tmp' "${c}" && rm -f "${c}"
    done
    """,
    """
    class {A}({B}):
        \"\"\"Keeps at most {n} entries and drops the oldest first.\"\"\"

        def __init__(self, *, size={m}):
            super().__init__()
            self._{c} = collections.deque(maxlen=size)

        def __len__(self):
            return len(self._{c})
    """,
)

IDENTIFIERS: Final = _words(
    """
    parse_header rows buffer merge_sorted tokens result flush config accumulate node visited
    queue checksum offsets load_user session payload scan cursor matrix
    """
)

SCRIPTS: Final = _lines(
    """
Паром отошёл от берега раньше, чем обещали, и никто не успел купить хлеб.
Сколько стоит билет до следующей станции? Кассир молча показал на доску.
Зимой река замерзает, а весной лёд ломает старые сваи у моста.
Το καράβι έφτασε νωρίς το πρωί και οι ψαράδες άπλωσαν τα δίχτυα τους.
Κανείς δεν θυμάται ποιος έγραψε το τελευταίο γράμμα, ούτε γιατί.
渡船比约定的时间早到了半个小时,码头上还没有人。请把收据交给办公室。
这条河在冬天会结冰,春天的水位每年都不一样,所以桥修得很高。
図書館の奥にある古い地図には、もう存在しない島が描かれている。
雨が止んだら、みんなで駅まで歩いて行きましょう。切符は二枚あります。
다리가 닫혀서 우리는 강을 따라 한 시간을 더 걸어야 했다.
겨울에는 눈이 많이 오고 여름에는 바람이 시원하다.
وصلت السفينة قبل الفجر، ولم يجد التجار أحداً في الميناء.
كم يبلغ ثمن هذه الخريطة القديمة؟ لم يجب البائع.
הספרייה נסגרת בשש, אבל השומר השאיר לנו את המפתח ליד הדלת.
नाव समय से पहले आ गई और घाट पर कोई यात्री नहीं था।
बारिश के बाद बाज़ार फिर खुला और फल सस्ते हो गए।
เรือมาถึงก่อนเวลา แต่ไม่มีใครรออยู่ที่ท่าเรือเลย
Ｔｈｅ ｄｏｏｒ ｉｓ ｌｏｃｋｅｄ； ｕｓｅ ｃｏｄｅ ４８２１ ａｎｄ ｗａｉｔ．
Příliš žluťoučký kůň; čtyři švestky, ještě ne zralé, ležely u ďáblovy řeky.
Đường phố vắng lặng, chỉ còn tiếng mưa rơi trên những mái nhà cũ.
Ľ̷a̵n̶d̸ s̴l̵i̶d̷e: ćöm̂b̃īn̆i̇n̊g m̧ąṟk̲s
🚲🌧️ → ☕ → 📚 … 🙂👩‍🔧 ✅ 50 € ≈ £43 ½ ÷ ∑ ∂ √2 ≤ 1,415
Հին քարտեզի վրա գետը դեռ իր հին հունով է հոսում։
გემი ადრე მოვიდა და ნავსადგურში არავინ იყო.
"""
)
