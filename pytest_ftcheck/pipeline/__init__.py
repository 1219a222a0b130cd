"""The parts of one fine-tune, named as `transformers.Trainer` names them."""
