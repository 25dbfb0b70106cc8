/**
 * The user's own agent for the demo, from the same variables that override chorus.yaml: nodes inherit the environment, so
 * that only the choice of the engine has to be written down. Without any it is the search over small edits.
 */
export const demoExecution = (environment: Readonly<Record<string, string | undefined>>): string =>
  Object.keys(environment).some((name) => name.startsWith('CHORUS_EXECUTION_')) ? '' : 'execution:\n  engine: repair'
