"""The shipped encoder's shape in PyTorch: tokenising, one forward pass, and its states on the host.

Each line of standard output is one JSON object, figures nested by what they belong to.
"""

import argparse
import json
import os
import time

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

DOCUMENT_TOKENS = 128
ROUNDS = 6
WORDS = (
    'the of plant light energy water market food price animal system control data river stone music paper glass'
).split()
TYPES = {'float16': torch.float16, 'float32': torch.float32}


def documents_of(count, seed):
    """Documents of DOCUMENT_TOKENS tokens each, special tokens included; every seed gives other ones."""
    return [
        ' '.join(
            WORDS[(d * 7919 + j * 104729 + seed * 15485863) % len(WORDS)]
            for j in range(DOCUMENT_TOKENS - 2)
        )
        for d in range(count)
    ]


def median(values):
    return sorted(values)[len(values) // 2]


def figures_of(model, tokenizer, count, device):
    """Medians in milliseconds; the first round is not counted."""
    wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
    tokenising, forward, to_host = [], [], []
    for seed in range(ROUNDS):
        texts = documents_of(count, seed)
        start = time.perf_counter()
        encoded = tokenizer.encode_batch(texts)
        ids = torch.tensor([each.ids[:DOCUMENT_TOKENS] for each in encoded]).to(device)
        wait()
        begun = time.perf_counter()
        states = model(input_ids=ids).last_hidden_state
        wait()
        computed = time.perf_counter()
        states.half().cpu()
        done = time.perf_counter()
        tokenising.append((begun - start) * 1000)
        forward.append((computed - begun) * 1000)
        to_host.append((done - begun) * 1000)
    return {
        'tokeniseMs': round(median(tokenising[1:]), 2),
        'forwardMs': round(median(forward[1:]), 2),
        'withStatesToHostMs': round(median(to_host[1:]), 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', help='model folder with config.json and tokenizer.json')
    parser.add_argument('--documents', default='100,500')
    parser.add_argument('--small', action='store_true', help='one layer, to see that it runs')
    options = parser.parse_args()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    with open(os.path.join(options.folder, 'config.json'), encoding='utf-8') as file:
        known = BertConfig().to_dict()
        config = BertConfig(**{key: value for key, value in json.load(file).items() if key in known})
    if options.small:
        config.num_hidden_layers = 1
    tokenizer = Tokenizer.from_file(os.path.join(options.folder, 'tokenizer.json'))
    for name, dtype in TYPES.items():
        model = BertModel(config, add_pooling_layer=False).to(device, dtype).eval()
        with torch.inference_mode():
            for count in map(int, options.documents.split(',')):
                figures = figures_of(model, tokenizer, count, device)
                print(json.dumps({'encoder': {name: {str(count): figures}}}), flush=True)


main()
