export function debianPackage(name: string): string | undefined;
export function debianDependency(name: string, pattern: RegExp): string | undefined;
export function debianSource(name: string): string | undefined;
