/** Which languages a server has, by which models; `base` is where its page is. */
export async function fetchModels(base) {
  const answer = await fetch(new URL("v1/models", base));
  return answer.json();
}
