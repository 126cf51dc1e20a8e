/** The end of opening. */

/** What was opened, once the last work on it is done. It is closed when that fails. */
export async function opened<T extends { close(): Promise<void> }>(
  made: T,
  lastWork: () => Promise<void>,
): Promise<T> {
  try {
    await lastWork();
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}
