/** Lets keys, and whatever else waits for the page, come first: what follows is a task of its own. */
export const pause = (): Promise<void> => new Promise((resume) => setTimeout(resume));
