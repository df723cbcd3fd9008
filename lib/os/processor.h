/* processor.h: what only the operating system can say of the processor. */
#ifndef VDBI_PROCESSOR_H
#define VDBI_PROCESSOR_H

int vdbi_processor_has_dotprod(void); /* AArch64's integer dot product */

#endif
