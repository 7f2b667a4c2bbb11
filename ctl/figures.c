#include "figures.h"

const char *figures_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int64_t figures_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

int64_t figures_sum(json_t *counts)
{
	const char *name;
	json_t *count;
	int64_t sum = 0;

	json_object_foreach(counts, name, count)
	{
		sum += json_integer_value(count);
	}
	return sum;
}

int64_t figures_of_partitions(const json_t *consumer, const char *key)
{
	const json_t *partitions = json_object_get(consumer, "partitions");
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(partitions); i++) {
		json_t *figure = json_object_get(json_array_get(partitions, i), key);

		sum += json_is_object(figure) ? figures_sum(figure) : json_integer_value(figure);
	}
	return sum;
}
