/*
 * Finding in a person's question what a tool wants to know: a city, an
 * arithmetic expression, or all of it in so many words. Slices of the text that
 * was given.
 */
#ifndef SIM_QUESTION_H
#define SIM_QUESTION_H

#include "base/str.h"

/*
 * The place a question about the weather names: the words behind " in "
 * (else " for ", else " at "), as many as begin with a capital letter, at
 * least one. 1 found, 0 when the text does not speak of weather or names no
 * place.
 */
int question_city(struct str text, struct str *city_r);
/*
 * What stands behind "call NAME ": a person who says which tool is to be called
 * writes its arguments there. 1 found, 0 when nobody asks for this tool.
 */
int question_call(struct str text, struct str name, struct str *rest_r);
/*
 * The longest run of numbers joined by + - * / % ^ ( ): "17 * 43 + 100" in
 * "Calculate 17 * 43 + 100". 1 found, 0 when no two numbers are joined.
 */
int question_sum(struct str text, struct str *sum_r);

#endif
