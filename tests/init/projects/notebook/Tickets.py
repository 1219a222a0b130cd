#!/usr/bin/env python
# coding: utf-8

# # Tickets of the reception
#
# Which team is a guest's message for?

# In[1]:


get_ipython().system('pip install -q transformers datasets')
get_ipython().run_line_magic('matplotlib', 'inline')


# In[2]:


import os
from datasets import load_dataset

tickets = load_dataset("csv", data_files={"train": "data/train.csv", "validation": "data/validation.csv"})
tickets


# In[3]:


from transformers import AutoTokenizer

checkpoint = os.environ["CHECKPOINT"]
tokenizer = AutoTokenizer.from_pretrained(checkpoint)
teams = sorted(set(tickets["train"]["team"]))
print(teams)


# In[4]:


def tokenize(batch):
    return tokenizer(batch["message"], truncation=True, max_length=64) | {"label": [teams.index(t) for t in batch["team"]]}

encoded = tickets.map(tokenize, batched=True)


# ## Training

# In[5]:


from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

args = TrainingArguments("out", seed=3, learning_rate=1e-3, num_train_epochs=3, per_device_train_batch_size=32,
                         warmup_steps=0.1, report_to="none", disable_tqdm=True)
model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=len(teams),
                                                           id2label=dict(enumerate(teams)),
                                                           label2id={t: i for i, t in enumerate(teams)})


# In[6]:


import numpy as np

def metrics(p):
    return {"accuracy": float((np.argmax(p.predictions, -1) == p.label_ids).mean())}

trainer = Trainer(model=model, args=args, train_dataset=encoded["train"], eval_dataset=encoded["validation"],
                  processing_class=tokenizer, compute_metrics=metrics)
print(f"{trainer.train().training_loss:.6f}")


# In[7]:


print(f'{trainer.evaluate()["eval_accuracy"]:.6f} for {len(teams)} teams')
trainer.save_model("saved")


# In[ ]:




