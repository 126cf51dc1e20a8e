/** Steps of a plan for one model of ML Commons: waiting, deploying, deleting. */
import type { PlanStep, Wait } from '../../install/index.ts';
import type { FoundEntry } from './state.ts';

const models = '/_plugins/_ml/models';

/** Waits until the task that registers a model is done. */
export function registrationWait(taskId: string): Wait {
  return {
    what: "the model's registration",
    request: { method: 'GET', path: `/_plugins/_ml/tasks/${taskId}` },
    state: 'state',
    until: 'COMPLETED',
    failed: ['FAILED', 'COMPLETED_WITH_ERROR', 'CANCELLED', 'EXPIRED'],
  };
}

/** Waits until a model is deployed. */
export function deploymentWait(modelId: string): Wait {
  return {
    what: "the model's deployment",
    request: { method: 'GET', path: `${models}/${modelId}` },
    state: 'model_state',
    until: 'DEPLOYED',
    failed: ['DEPLOY_FAILED', 'REGISTER_FAILED'],
  };
}

/** Deploys an existing model, a deployed one too: some versions read the cluster settings only when they deploy. */
export function deployStep(id: string, { isDeployed }: { readonly isDeployed: boolean }): PlanStep[] {
  const deploy: PlanStep = {
    does: `deploy model "${id}"`,
    request: { method: 'POST', path: `${models}/${id}/_deploy` },
    waits: [deploymentWait(id)],
  };
  return isDeployed ? [undeployStep(id), deploy] : [deploy];
}

function undeployStep(id: string): PlanStep {
  return {
    does: `undeploy model "${id}"`,
    request: { method: 'POST', path: `${models}/${id}/_undeploy` },
    mayBeGone: true,
  };
}

/**
 * The note on a connector that the server would not delete. The server looks for a connector's models by the words of
 * its id, so that it finds an id with a hyphen in models of other connectors whose ids share a part; ids of one node
 * often do.
 */
function leftConnectorNote(id: string): string {
  return `Connector ${id} is used no more but stays: the server takes it to be in use, which it does wrongly for ids that share a part with others. The next run tries again.`;
}

/** Undeploys and deletes models, then deletes connectors: the server refuses any other order. */
export function deletionSteps({
  models: surplus,
  connectors,
}: {
  readonly models: readonly FoundEntry[];
  readonly connectors: readonly FoundEntry[];
}): PlanStep[] {
  const deletion = (what: string, path: string): PlanStep => ({
    does: `delete ${what}`,
    request: { method: 'DELETE', path },
    mayBeGone: true,
  });
  return [
    ...surplus.flatMap(({ id }) => {
      const undeploy = undeployStep(id);
      // The server answers an undeployment before it changes the model's state, and a search in hand deploys the model again.
      const mayHaveToWait = { sign: /deploying or deployed state/, remedy: undeploy.request };
      return [undeploy, { ...deletion(`model "${id}"`, `${models}/${id}`), mayHaveToWait }];
    }),
    ...connectors.map(({ id }) => ({
      ...deletion(`connector "${id}"`, `/_plugins/_ml/connectors/${id}`),
      mayBeRefused: { sign: /models are still using this connector/, note: leftConnectorNote(id) },
    })),
  ];
}
