"""Trains small SentencePiece models that differ in one setting each and stores what the reference makes of odd texts.

Reference: SentencePiece 0.1.97 (Debian 12, python3-sentencepiece). Run: /usr/bin/python3 make_sentencepiece.py
"""
import json
import os
import random

import sentencepiece as spm

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sentencepiece")
T5_IDS = dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
MODELS = {
    "byte-fallback": dict(byte_fallback=True, normalization_rule_name="identity", **T5_IDS),
    "user-defined": dict(user_defined_symbols=["<extra_id_0>", "blue", "ﬁ", "a b", "▁the", "<sep>", "<sepp>", "東京"],
                         control_symbols=["<ctl>"], normalization_rule_name="nfkc_cf", **T5_IDS),
    "user-defined-bytes": dict(user_defined_symbols=["<x>", "  ", "é"], byte_fallback=True,
                               normalization_rule_name="identity", **T5_IDS),
    "no-dummy-prefix": dict(add_dummy_prefix=False, normalization_rule_name="identity", **T5_IDS),
    "all-spaces": dict(remove_extra_whitespaces=False, allow_whitespace_only_pieces=True,
                       normalization_rule_name="identity", **T5_IDS),
    "suffix": dict(treat_whitespace_as_suffix=True, normalization_rule_name="identity", **T5_IDS),
    "default-ids": dict(normalization_rule_name="identity"),
    "named-ids": dict(normalization_rule_name="identity", pad_id=5, eos_id=3, unk_id=1, bos_id=0,
                      eos_piece="[EOS]", pad_piece="[PAD]", unk_piece="[UNK]", bos_piece="[BOS]",
                      user_defined_symbols=["[A]"], control_symbols=["[B]"]),
    "own-rules": dict(normalization_rule_tsv="rules.tsv", remove_extra_whitespaces=True, **T5_IDS),
    "own-rules-all-spaces": dict(normalization_rule_tsv="rules.tsv", remove_extra_whitespaces=False, **T5_IDS),
}
# source code points, tab, target code points
RULES = [("41", "61"), ("42", "62 62 20"), ("DF", "73 73"), ("9", "20"), ("A", "20 20"), ("3000", "20"), ("AD", ""),
         ("61 62 63", "58"), ("61 62", "59"), ("1F600", "3A 29"), ("E9", "65"), ("65 301", "65"), ("26 61 6D 70 3B", "26")]
WORDS = ("a the of red green blue square circle panda bamboo guitar 1920x1080 24fps don't it's naïve café über видео "
         "東京 全角 (detailed:1.2) [prompt|edit] e=mc² 50% $5 #hash ultra-wide cinematic slowly moves").split()
ODD = ["<extra_id_0>", "<sep>", "<sepp>", "<x>", "</s>", "<unk>", "<pad>", "<0x41>", "▁", "▁the", "a b", "  ", "   ", "\t",
       "\n", "\r\n", "\u3000", "\u00a0", "\u200b", "\x00", "\x01", "\x85", "ﬁ", "ﬁne", "é", "e\u0301", "É", "ß", "ẞ", "İ", "Σ", "Ａ",
       "①", "½", "😀", "👩‍👩‍👧", "🐉", "한국", "ก", "\u0e33", "ab", "abc", "abab", "A", "B", "&amp;", "<ctl>", "[A]", "[B]",
       "[EOS]", "\U0010fffd", "\ufffd", "\u00ad", "*", "*********", "aaaaaaaa", "----", "........", "blueblue", "bluebell"]


def texts(rng):
    yield from ["", " ", "  ", "\t", "▁", " ▁ ", "x", "\x00", "a\x00b"]
    yield from ODD
    yield from [f" {odd} {odd}{odd}a" for odd in ODD]
    for _ in range(120):
        parts = [rng.choice(WORDS if rng.random() < 0.6 else ODD) for _ in range(rng.randint(1, 14))]
        yield "".join(part + rng.choice([" ", " ", " ", "", "  "]) for part in parts)
    for _ in range(40):
        yield "".join(chr(rng.choice([rng.randint(32, 126), rng.randint(0xA0, 0x24F), rng.randint(0x300, 0x36F),
                                      rng.randint(0x2000, 0x2BFF), rng.randint(0x3040, 0x30FF), rng.randint(0xFF00, 0xFFEF)]))
                      for _ in range(rng.randint(1, 30)))
    for sign in "*-a.":
        yield sign * rng.randint(20, 80)


def main():
    rng = random.Random(7)
    os.makedirs(OUT, exist_ok=True)
    os.chdir(OUT)
    with open("rules.tsv", "w") as f:
        f.writelines(f"{source}\t{target}\n" for source, target in RULES)
    corpus = [" ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 12))) for _ in range(400)]
    corpus += ["*" * n + " " + "-" * n + " " + "a" * n for n in range(1, 30)]
    cases = list(texts(rng))
    with open("cases.json", "w") as f:
        json.dump(cases, f)
    for name, options in MODELS.items():
        spm.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_prefix=name, vocab_size=420 if "byte_fallback" in options else 170,
                                       hard_vocab_limit=False, num_threads=1, minloglevel=2, max_sentencepiece_length=8, **options)
        os.remove(name + ".vocab")
        processor = spm.SentencePieceProcessor(model_file=name + ".model")
        with open(name + ".json", "w") as f:
            json.dump({"end": processor.eos_id(), "pad": processor.pad_id(), "ids": [processor.encode(text) for text in cases]},
                      f, separators=(",", ":"))
    os.remove("rules.tsv")


main()
