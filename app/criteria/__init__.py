"""Criteria (规则): the readable language of conditions, for plans, steps and scripts.

    近90天消费 >= 500 且 标签 含 "羊毛" 且 非 (等级 = "金卡" 或 购买次数 < 2)
    amount_90d >= 500 and tags has "羊毛" and not (level = "金卡" or orders < 2)

Both lines are the same criterion. Callers bring the vocabulary (`terms`); the language brings the words (`words.toml`).

**Grammar**, loosest first; words of both languages, and blanks or none, may be mixed:

    rule      = nothing (always) | any
    any       = all { or all }
    all       = one { and one }
    one       = not one | ( any ) | condition
    condition = flag
              | term is known | term is unknown
              | number, money, days or date   = != < <= > >= value   | between value and value
              | number, money, days, date or text                    = != value | in [values] | not in [values]
              | texts   has "a" | lacks "a" | has any ["a", "b"] | has all ["a", "b"]

A number and days are whole numbers; money is written in yuan and held in fen; a date is a local date. Texts are
compared exactly, letter by letter: case, accents and blanks count. Where names overlap the longest is read.

**What is not known.** A fact may be unknown (`None`). A condition on an unknown fact is neither met nor unmet, and
neither is its `not`; `and` is unmet as soon as one part is, `or` met as soon as one part is (Kleene's logic).
A criterion holds only where it is met, so nobody is chosen because of what is *not* known about them:
`not (level = "x")` leaves out those without a level; whoever means them too writes `level is unknown or level != "x"`.
An empty set of texts is known. `is known` and `is unknown` are always met or unmet.

**Where what lives.** `words` has the language's own words, `terms` the vocabulary. `tokens`, `cursor`, `values` and
`grammar` (`parse`) read a text into a `tree`; `writing` writes it back, `evaluation` asks it of facts, `explaining`
says why; `criterion` is all that in one value, `refusing` says what is wrong with a text. All of it is pure.
"""
