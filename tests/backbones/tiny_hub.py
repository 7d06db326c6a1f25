"""Tiny models of known architectures in the layout of the Hugging Face hub's cache."""

from pathlib import Path

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "kind", "awful", "words", ",", '"', "quoted", "on", "line"]


def write_hub(cache: Path) -> list[str]:
    """`tiny/bert`, `tiny/roberta`, `tiny/distilbert` and `tiny/gpt2` below `cache`; their names."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    kinds = {
        "bert": small,
        "roberta": {**small, "max_position_embeddings": 64, "pad_token_id": 0},
        "distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
        "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": 2, "eos_token_id": 3},
    }
    for kind, options in kinds.items():
        repo = cache / f"models--tiny--{kind}"
        folder = repo / "snapshots" / "abc"
        folder.mkdir(parents=True)
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text("abc")
        config = AutoConfig.for_model(kind, vocab_size=len(WORDS), **options)
        AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=words,
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        ).save_pretrained(folder)
    return [f"tiny/{kind}" for kind in kinds]
