"""What PyTorch does with the decoder's shape: products alone, a list as blocks with one flash kernel of varied lengths,
and as one text with causal attention and decoding.

Each line of standard output is one JSON object, figures nested by what they belong to. Without a card everything is
computed by definition in float32: to see that it runs, not how fast.

Axes: T tokens, H query heads, K key heads, D head size.
"""

import argparse
import json
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F

INSTRUCTION, QUERY, DECODED, QUERY_POSITION = 92, 66, 4, 4000
EPSILON, ROPE_THETA = 1e-5, 1e6
GB = 1e9
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
IS_CARD = DEVICE == 'cuda'
DTYPE = torch.float16 if IS_CARD else torch.float32


@dataclass(frozen=True)
class Shape:
    width: int
    inner: int
    heads: int
    key_heads: int
    size: int
    layers: int
    scoring: int
    vocabulary: int


MISTRAL = Shape(4096, 14336, 32, 8, 128, 32, 20, 32768)
SMALL = Shape(128, 256, 4, 2, 32, 2, 1, 1024)


def say(**figures):
    print(json.dumps(figures), flush=True)


def wait():
    if IS_CARD:
        torch.cuda.synchronize()


def timed(run, rounds):
    """Median of the milliseconds of some runs after one that is not counted."""
    run()
    wait()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        wait()
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times)[len(times) // 2]


def peak_gb():
    """Most memory that was allocated since the last call, in GB."""
    if not IS_CARD:
        return None
    peak = torch.cuda.max_memory_allocated() / GB
    torch.cuda.reset_peak_memory_stats()
    return round(peak, 1)


def length_of(document):
    """Lengths as they are: mean 115, up to 351."""
    return 60 + (document * 7919) % 97 + (194 if document % 25 == 0 else 0)


def random(*shape):
    return torch.randn(*shape, device=DEVICE, dtype=DTYPE) * 0.02


def by_definition(q, k, v, q_starts, k_starts):
    """Causal attention of sequences that stand one after another, aligned at their ends."""
    groups = q.shape[1] // k.shape[1]
    out = torch.empty_like(q)
    for n in range(len(q_starts) - 1):
        own, seen = slice(q_starts[n], q_starts[n + 1]), slice(k_starts[n], k_starts[n + 1])
        queries = q[own].transpose(0, 1).float()
        keys = k[seen].repeat_interleave(groups, 1).transpose(0, 1).float()
        values = v[seen].repeat_interleave(groups, 1).transpose(0, 1).float()
        rows, columns = queries.shape[1], keys.shape[1]
        allowed = torch.ones(rows, columns, dtype=torch.bool, device=q.device).tril(columns - rows)
        logits = queries @ keys.transpose(1, 2) / q.shape[2] ** 0.5
        context = logits.masked_fill(~allowed, -1e30).softmax(-1) @ values
        out[own] = context.to(q.dtype).transpose(0, 1)
    return out


def attend(q, k, v, q_starts, k_starts, longest):
    """The same by one flash kernel, where there is one. Starts are int32 tensors."""
    if not IS_CARD:
        return by_definition(q, k, v, q_starts.tolist(), k_starts.tolist())
    kernel = torch.ops.aten._flash_attention_forward
    return kernel(q, k, v, q_starts, k_starts, longest[0], longest[1], 0.0, True, False)[0]


def starts_of(lengths):
    return torch.tensor([0, *lengths], device=DEVICE).cumsum(0).to(torch.int32)


@dataclass(frozen=True)
class List:
    """A list as blocks: its tokens one after another, and which keys each block sees."""

    ids: torch.Tensor
    positions: torch.Tensor
    seen: torch.Tensor
    q_starts: torch.Tensor
    k_starts: torch.Tensor
    longest: tuple
    documents: int


def list_of(count, shape):
    lengths = [length_of(d) for d in range(count)]
    documents = sum(lengths)
    total = INSTRUCTION + documents + QUERY
    instruction = torch.arange(INSTRUCTION)
    own = [INSTRUCTION + torch.arange(length) for length in lengths]
    positions = torch.cat([instruction, *own, QUERY_POSITION + torch.arange(QUERY)])
    seen, at = [instruction], INSTRUCTION
    for length in lengths:
        seen += [instruction, torch.arange(at, at + length)]
        at += length
    seen.append(torch.arange(total))
    q_lengths = [INSTRUCTION, *lengths, QUERY]
    k_lengths = [INSTRUCTION, *(INSTRUCTION + length for length in lengths), total]
    return List(
        ids=ids_of(total, shape),
        positions=positions.to(DEVICE),
        seen=torch.cat(seen).to(DEVICE),
        q_starts=starts_of(q_lengths),
        k_starts=starts_of(k_lengths),
        longest=(max(q_lengths), max(k_lengths)),
        documents=documents,
    )


def ids_of(tokens, shape):
    return (torch.arange(tokens, device=DEVICE) * 97) % shape.vocabulary


class Decoder:
    """Random weights, each layer with a copy of its own."""

    def __init__(self, shape):
        W, H, K, D = shape.width, shape.heads, shape.key_heads, shape.size
        ones = lambda: torch.ones(W, device=DEVICE, dtype=DTYPE)
        self.shape = shape
        self.layers = [
            {
                'q': random(H * D, W),
                'k': random(K * D, W),
                'v': random(K * D, W),
                'o': random(W, H * D),
                'gate': random(shape.inner, W),
                'up': random(shape.inner, W),
                'down': random(W, shape.inner),
                'input_norm': ones(),
                'inner_norm': ones(),
            }
            for _ in range(shape.layers)
        ]
        self.embedding, self.head = random(shape.vocabulary, W), random(shape.vocabulary, W)
        exponents = torch.arange(0, D, 2, device=DEVICE, dtype=torch.float32) / D
        self.frequencies = 1 / ROPE_THETA**exponents

    def rotations(self, positions):
        angles = positions.float()[:, None] * self.frequencies
        both = torch.cat((angles, angles), -1)
        return both.cos().to(DTYPE)[:, None], both.sin().to(DTYPE)[:, None]

    def norm(self, x, scale):
        return F.rms_norm(x, (self.shape.width,), scale, EPSILON)

    def queries_keys_values(self, layer, x, rotations):
        D = self.shape.size
        normed = self.norm(x, layer['input_norm'])
        q = rotated((normed @ layer['q'].T).view(-1, self.shape.heads, D), rotations)
        k = rotated((normed @ layer['k'].T).view(-1, self.shape.key_heads, D), rotations)
        return q, k, (normed @ layer['v'].T).view(-1, self.shape.key_heads, D)

    def after_attention(self, layer, x, context):
        x = x + context.reshape(x.shape[0], -1) @ layer['o'].T
        normed = self.norm(x, layer['inner_norm'])
        return x + (F.silu(normed @ layer['gate'].T) * (normed @ layer['up'].T)) @ layer['down'].T

    def blocks(self, each):
        """Logits of the two signal tokens over the documents' tokens, shape [K, H / K, 2, documents]."""
        rotations = self.rotations(each.positions)
        x = self.embedding[each.ids]
        for layer in self.layers[: self.shape.scoring]:
            q, k, v = self.queries_keys_values(layer, x, rotations)
            context = attend(q, k[each.seen], v[each.seen], each.q_starts, each.k_starts, each.longest)
            x = self.after_attention(layer, x, context)
        layer, K, D = self.layers[self.shape.scoring], self.shape.key_heads, self.shape.size
        of = slice(INSTRUCTION, INSTRUCTION + each.documents)
        keys = (self.norm(x[of], layer['input_norm']) @ layer['k'].T).view(-1, K, D)
        keys = rotated(keys, tuple(table[of] for table in rotations))
        signals = (self.norm(x[-2:], layer['input_norm']) @ layer['q'].T).view(-1, self.shape.heads, D)
        signals = rotated(signals, tuple(table[-2:] for table in rotations))
        grouped = signals.view(2, K, -1, D).float()
        return torch.einsum('skgd,mkd->kgsm', grouped, keys.float())

    def text(self, ids, past=None):
        """The next token, and keys and values of every layer."""
        start = 0 if past is None else past[0][0].shape[0]
        rotations = self.rotations(torch.arange(start, start + len(ids), device=DEVICE))
        x, states = self.embedding[ids], []
        for number, layer in enumerate(self.layers):
            q, k, v = self.queries_keys_values(layer, x, rotations)
            if past is not None:
                k, v = torch.cat((past[number][0], k)), torch.cat((past[number][1], v))
            states.append((k, v))
            longest = (q.shape[0], k.shape[0])
            context = attend(q, k, v, starts_of([q.shape[0]]), starts_of([k.shape[0]]), longest)
            x = self.after_attention(layer, x, context)
        return (x[-1:] @ self.head.T).argmax(-1), states

    def products(self, tokens):
        """The linear layers that blocks go through, and nothing else."""
        x = self.embedding[torch.zeros(tokens, dtype=torch.long, device=DEVICE)]

        def run():
            for layer in self.layers[: self.shape.scoring]:
                for name in ('q', 'k', 'v', 'o', 'gate'):
                    x @ layer[name].T
                (x @ layer['up'].T) @ layer['down'].T

        return run


def rotated(x, rotations):
    cos, sin = rotations
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def time_ceilings(shape, rounds):
    """Products of one layer, and copies of 256 MB."""
    weights, repeats = random(shape.inner, shape.width), 20
    for rows in (768, 4096, 16384):
        x = random(rows, shape.width)

        def products():
            for _ in range(repeats):
                x @ weights.T

        ms = timed(products, rounds) / repeats
        tflops = 2 * rows * shape.width * shape.inner / ms / 1e9
        say(tflopPerSecondByRows={str(rows): round(tflops, 1)})
    size = 256 << 20
    host = torch.empty(size, dtype=torch.uint8)
    pinned, card = host.pin_memory(), host.to(DEVICE)
    speed = lambda run: round(size / GB / (timed(run, rounds) / 1000), 1)
    say(
        copies={
            'upGBPerSecond': speed(lambda: card.copy_(host)),
            'upPinnedGBPerSecond': speed(lambda: card.copy_(pinned)),
            'downGBPerSecond': speed(lambda: host.copy_(card)),
        }
    )


def check_kernel(shape):
    """The flash kernel beside the definition, once."""
    each = list_of(3, shape)
    tokens = len(each.ids)
    make = lambda heads: torch.randn(tokens, heads, shape.size, device=DEVICE, dtype=DTYPE)
    q, k, v = make(shape.heads), make(shape.key_heads)[each.seen], make(shape.key_heads)[each.seen]
    own = attend(q, k, v, each.q_starts, each.k_starts, each.longest)
    definition = by_definition(q, k, v, each.q_starts.tolist(), each.k_starts.tolist())
    say(kernelBesideDefinition=float((own - definition).abs().max()))


def time_blocks(decoder, count, rounds):
    each = list_of(count, decoder.shape)
    tokens = len(each.ids)
    peak_gb()
    ms = timed(lambda: decoder.blocks(each), rounds)
    peak = peak_gb()
    products = timed(decoder.products(tokens), rounds)
    figures = {'tokens': tokens, 'ms': round(ms, 1), 'productsMs': round(products, 1), 'peakGB': peak}
    say(block={str(count): figures})


def time_text(decoder, count, rounds):
    tokens = INSTRUCTION + QUERY + sum(length_of(d) for d in range(count))
    ids = ids_of(tokens, decoder.shape)

    def with_decoding():
        token, states = decoder.text(ids)
        for _ in range(DECODED):
            token, states = decoder.text(token, states)

    peak_gb()
    whole = timed(lambda: decoder.text(ids), rounds)
    decoded = timed(with_decoding, rounds)
    figures = {
        'tokens': tokens,
        'wholeMs': round(whole, 1),
        'withDecodingMs': round(decoded, 1),
        'peakGB': peak_gb(),
    }
    say(full={str(count): figures})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--small', action='store_true', help='two layers, to see that it runs')
    parser.add_argument('--lists', default='25,50,100,250,500', help='documents of each list')
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    shape = SMALL if options.small else MISTRAL
    lists = [int(count) for count in options.lists.split(',')]
    torch.manual_seed(1)
    say(torch=torch.__version__, card=torch.cuda.get_device_name() if IS_CARD else None)
    with torch.inference_mode():
        if IS_CARD:
            time_ceilings(shape, options.rounds)
            check_kernel(shape)
        decoder = Decoder(shape)
        for count in lists:
            time_blocks(decoder, count, options.rounds)
        for count in lists:
            time_text(decoder, count, options.rounds)


main()
