import { type Contract, type ContractAction, type DriftKind, defaultContract } from "@penstock/core/drift";

/** One action for every kind of drift, or for some of them; what is not named stays as it is by default. */
export type ContractOption = ContractAction | { readonly [K in DriftKind]?: ContractAction };

export function contractOf(option: ContractOption | undefined): Contract {
  if (option === undefined) return defaultContract;
  if (typeof option !== "string") return { ...defaultContract, ...option };
  return { newField: option, missingField: option, changedType: option, newValue: option };
}
