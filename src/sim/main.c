/* tallysim: a provider simulator. See sim.h. */
int main(void);
int
main(void)
{
	return 0;
}
