/** Trains the tiny trainee in a process of its own, so that a test can kill it: `folder feedMs [--resume]`. */
import { train } from '../../../engine/training/trainer/train.ts';
import { tinyTraining } from '../tiny/tiny-training.ts';

const [folder, feedMs, resume] = process.argv.slice(2);
await train({ ...tinyTraining(folder!, { feedMs: Number(feedMs) }), resume: resume === '--resume' });
