/** Run by `blockrank doctor` in a process of its own: examines the device that it is given, and prints the report. */
import { type ExecutionProvider, examineDevice } from '../../../engine/index.ts';

const report = await examineDevice(process.argv[2] as ExecutionProvider, process.env);
process.stdout.write(JSON.stringify(report));
